"""Windows mean the same on the command line, where NumPy is not loaded, and where data are opened."""

from __future__ import annotations

from typing import get_args

import pytest

from fastssl.config import PackConfig, build
from fastssl.config.data import Axis
from fastssl.data.reading.options import AXES, ReadingOptions, parse_windows
from fastssl.errors import ConfigError, DataError


@pytest.mark.parametrize("text", ["40,400", "-600,1500.5;40,400;400,1800"])
def test_windows_that_settings_take_are_those_that_reading_takes(text: str) -> None:
    kept = build(PackConfig, {"window": text}).window
    assert parse_windows(kept) == parse_windows(text) == ReadingOptions(window=kept).windows


@pytest.mark.parametrize("text", ["40", "40,0", "40,-1", "1,2;3,4", "a,b", "1,2,3", "nan,4", "1,inf"])
def test_windows_that_settings_refuse_are_refused_in_reading_too(text: str) -> None:
    with pytest.raises(ConfigError, match="window="):
        build(PackConfig, {"window": text})
    with pytest.raises(DataError, match="window="):
        ReadingOptions(window=text)


def test_the_axes_are_the_same() -> None:
    assert get_args(Axis) == AXES
