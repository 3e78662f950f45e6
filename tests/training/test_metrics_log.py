"""metrics.jsonl: one record a step, on disk before the next, none twice after a crash."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fastssl.training import metrics_log
from fastssl.training.metrics_log import MetricsLog


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: None)


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_record_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.write(1, {"loss": 0.1, "lr": 1e-3})
        assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "loss": 0.1, "lr": 0.001}\n'


def test_numbers_are_read_back_exactly(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.write(1, {"loss": 0.1 + 0.2})
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["loss"] == 0.1 + 0.2


def test_resuming_drops_what_lies_after_the_checkpoint(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        for step in range(1, 8):
            log.write(step, {"loss": 1.0})
    with MetricsLog(tmp_path, step=4) as log:
        log.write(5, {"loss": 2.0})
    assert steps(tmp_path) == [1, 2, 3, 4, 5]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("half", ['{"st', '{"step": 3, "loss": 0.', '{"step": 3, "loss": 1.0}'])
def test_a_half_written_last_line_does_no_harm(tmp_path: Path, half: str) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 1.0}\n' + half)
    with MetricsLog(tmp_path, step=2) as log:
        log.write(3, {"loss": 3.0})
    assert steps(tmp_path) == [1, 2, 3]


def test_tensorboard_gets_the_same_numbers_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int) -> None:
            told.append((Path(folder).name, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told.append((name, value, step))

        def close(self) -> None:
            told.append("closed")

    stand_in = ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: object())
    with MetricsLog(tmp_path, step=4) as log:
        log.write(5, {"loss": 2.0, "lr": 0.1})
    assert told == [("tensorboard", 5), ("loss", 2.0, 5), ("lr", 0.1, 5), "closed"]
