"""Logs as columns: each metric with the steps that have it, whatever else the file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastssl.reports.reading.run_logs import read_log


def test_each_metric_has_its_own_steps(tmp_path: Path) -> None:
    lines = [
        '{"step": 1, "loss": 2.0, "lr": 0.1}',
        '{"step": 2, "loss": null, "lr": 0.1}',
        '{"step": 2, "monitor/knn_acc": 0.5}',
        '{"step": 4, "loss": 1.5, "lr": 0.1}',
        '{"step": 3, "loss": 1.75, "lr": 0.1}',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    found = read_log(tmp_path / "metrics.jsonl")
    assert list(found) == ["loss", "lr", "monitor/knn_acc"]
    assert found["loss"].steps.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(found["loss"].values, [2.0, np.nan, 1.75, 1.5])
    assert found["monitor/knn_acc"].steps.tolist() == [2]


def test_lines_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    bad = [b'{"step": 2, "lo', b"\xff\xfe", b"[]", b"3", b'{"loss": 1}', b'{"step": "x", "loss": 1}', b"[" * 5000, b""]
    (tmp_path / "log").write_bytes(
        b"\n".join([b'{"step": 1, "loss": 3, "note": "text"}', *bad, b'{"step": 5, "loss": 4}'])
    )
    found = read_log(tmp_path / "log")
    assert {name: column.values.tolist() for name, column in found.items()} == {"loss": [3.0, 4.0]}


def test_without_a_file_there_are_no_metrics(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none") == {}
