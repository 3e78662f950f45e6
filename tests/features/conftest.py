"""A tiny run on a data set whose images have names, labels and patients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastssl.data import Source, open_source
from fastssl.training import run_data
from tests.evaluation.conftest import data_file, run_folder

__all__ = ["data_file", "run_folder"]


@pytest.fixture
def named(data_file: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The run's data as a folder with patients gives them: paths as ids, four images of each patient."""
    source = open_source(str(data_file), value_range="full")
    splits, first = {}, 0
    for name, own in source.splits.items():
        count = len(own)
        ids = np.array([f"{name}/scan {row}.png" for row in range(count)])
        splits[name] = replace(own, ids=ids, groups=first + np.arange(count) // 4)
        first += count // 4
    named = replace(source, splits=splits, group_names=tuple(f"p{number:03d}" for number in range(first + 1)))
    monkeypatch.setattr(run_data, "open_source", lambda *_, **__: named)
    return named
