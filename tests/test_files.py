"""Files: whole or not at all, with what JSON and CSV cannot say left empty."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import fastssl.files
from fastssl.files import write_atomically, write_csv, write_json


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    write_atomically(path, "old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space") as caught:
            write_atomically(path, "new")
    assert "config.yaml" in caught.value.filename
    assert path.read_text() == "old"
    write_atomically(path, b"new")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("config.yaml", "new")]


def test_json_has_null_for_nan_at_any_depth_and_lists_for_tuples(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"auc": math.nan, "rows": ({"acc": np.float64("nan"), "seeds": (1, 2)}, None, "nan")})
    assert path.read_text().endswith("}\n")
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content == {"auc": None, "rows": [{"acc": None, "seeds": [1, 2]}, None, "nan"]}


def test_json_refuses_an_infinite_number_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"loss": math.inf})
    assert path.read_text() == "1\n"


def test_csv_has_an_empty_cell_for_nan_and_for_none(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    write_csv(path, [{"name": "a, b", "auc": math.nan}, {"name": None, "auc": 0.1 + 0.2}])
    with path.open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"name": "a, b", "auc": ""},
            {"name": "", "auc": "0.30000000000000004"},
        ]
    write_csv(path, [])
    assert path.read_bytes() == b""


def test_where_new_files_always_seem_to_be_taken_one_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastssl.files, "try_lock", lambda descriptor: False)
    write_atomically(tmp_path / "a.txt", "content")
    assert (tmp_path / "a.txt").read_text() == "content"
