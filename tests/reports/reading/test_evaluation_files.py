"""Files of evaluations: what was written is read, older and newer files as well, damaged ones as none."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from fastssl.evaluation.fewshot.report import write_fewshot_report
from fastssl.evaluation.probe.report import write_probe_report
from fastssl.reports.reading.evaluation_files import FewshotFile, FinetuneFile, ProbeFile, SegmentFile
from fastssl.reports.reading.stored_file import read_file


def test_a_probe_is_read_as_it_was_written(tmp_path: Path, results: dict[str, Callable[..., Any]]) -> None:
    written = results["probe"]()
    write_probe_report(written, tmp_path)
    found = read_file(tmp_path / "probe.json", ProbeFile)
    assert found is not None
    assert (found.data, found.n_test, found.command) == (written.data, written.n_test, written.command)
    assert [(row.features, row.classifier, row.auc, row.acc) for row in found.rows] == [
        (row.features, row.classifier, row.auc, row.acc) for row in written.rows
    ]
    assert isnan(found.rows[1].val_auc)  # nan is null in JSON


def test_a_few_shot_comparison_is_read_as_it_was_written(
    tmp_path: Path, results: dict[str, Callable[..., Any]]
) -> None:
    written = results["fewshot"]()
    write_fewshot_report(written, tmp_path)
    found = read_file(tmp_path / "fewshot.json", FewshotFile)
    assert found is not None
    assert [(row.acc.mean, row.acc.low) for row in found.rows] == [(row.acc.mean, row.acc.low) for row in written.rows]
    assert [pair.test.p_holm for pair in found.pairs] == [pair.test.p_holm for pair in written.pairs]


def test_older_files_lack_keys_and_newer_ones_have_more(tmp_path: Path) -> None:
    detail = {"confusion": [[1, 2], [3, 4]], "kappa": None, "auc_low": 0.7, "auc_high": 0.9, "new": 1}
    row = {"features": "trained", "classifier": "linear", "auc": None, "acc": 0.5}
    content = {"data": "x", "rows": [row, {**row, "detail": detail}], "class_names": ["a", "b"], "future": {}}
    (tmp_path / "probe.json").write_text(json.dumps(content))
    found = read_file(tmp_path / "probe.json", ProbeFile)
    assert found is not None
    assert (found.command, found.class_names, found.rows[0].detail) == ("", ("a", "b"), None)
    assert found.rows[1].detail is not None
    assert found.rows[1].detail.confusion == ((1, 2), (3, 4))
    assert isnan(found.rows[1].detail.kappa)


@pytest.mark.parametrize("form", [ProbeFile, FewshotFile, FinetuneFile, SegmentFile])
@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"data": "x"}', '{"data": "x", "rows": [3]}', "[" * 9999])
def test_what_is_no_such_file_is_as_good_as_none(tmp_path: Path, form: type[Any], content: str) -> None:
    (tmp_path / "f.json").write_text(content)
    assert read_file(tmp_path / "f.json", form) is None
    assert read_file(tmp_path / "other.json", form) is None
