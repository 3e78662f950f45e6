"""Settings of `fastssl segment`: one meaning for the command line and for Python, every field explained."""

from __future__ import annotations

from typing import Any

import pytest

from fastssl.cli import app
from fastssl.config import SegmentConfig, build
from fastssl.errors import ConfigError

SETTINGS = {
    "images": "scans",
    "masks": "truth",
    "encoder_init": ("run", "random"),
    "decoder_init": ("random",),
    "patch": 48,
    "size": 500,
    "test_images": "8",
    "overlap": 0.25,
    "predict": "windows",
    "channel": "green",
    "fov": "views",
    "steps": 7,
}
FOLDERS = {"images": "scans", "masks": "truth"}


def parsed(*options: str) -> SegmentConfig:
    """What the command line makes of `options`."""
    _, bound, _ = app.parse_args(["segment", "one", "random", *options], exit_on_error=False, print_error=False)
    assert [str(run) for run in bound.args] == ["one", "random"]
    return bound.arguments["config"]


def test_the_command_line_and_python_agree() -> None:
    options: list[str] = []
    for name, value in SETTINGS.items():
        options.append(f"--{name.replace('_', '-')}")
        options += map(str, value) if isinstance(value, tuple) else [str(value)]
    assert parsed(*options) == build(SegmentConfig, SETTINGS)


@pytest.mark.parametrize(("word", "value"), [("whole", 0), ("0", 0), ("auto", None), ("16", 16)])
def test_a_patch_is_a_number_or_a_word(word: str, value: int | None) -> None:
    assert parsed("--patch", word).patch == value


@pytest.mark.parametrize(
    ("name", "value"), [("test_images", "a b"), ("encoder_init", "random"), ("decoder_init", "run")]
)
def test_one_value_needs_no_list(name: str, value: Any) -> None:
    folders = {"images": "a", "masks": "b"}
    assert getattr(build(SegmentConfig, {**folders, name: value}), name) == (value,)


@pytest.mark.parametrize("name", SegmentConfig.model_fields)
def test_every_field_says_what_it_means(name: str) -> None:
    assert SegmentConfig.model_fields[name].description


@pytest.mark.parametrize("given", [(1, 2), [1, 2], "1,2", ["1", 2]])
def test_foreground_takes_numbers_as_python_and_files_have_them(given: object) -> None:
    assert build(SegmentConfig, {**FOLDERS, "foreground": given}).foreground == ("1", "2")


def test_foreground_that_is_no_mask_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="foreground"):
        build(SegmentConfig, {**FOLDERS, "foreground": [True]})
