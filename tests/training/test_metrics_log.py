"""metrics.jsonl: one record per step, on disk before the next, none twice after a crash."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastssl.training.metrics_log import MetricsLog


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


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\x00\n",
        b"\x00" * 40 + b"\n",
        b"[]\n",
        b"3\n",
        b'{"loss": 1}\n',
        b'{"step": "x"}\n',
        b'{"step": 1, "l\xed\xa0\x80": 2}\n',
    ],
)
def test_a_line_that_is_no_record_is_dropped(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1, "loss": 1.0}\n' + line + b'{"step": 2, "loss": 1.0}\n')
    with MetricsLog(tmp_path, step=2):
        pass
    assert steps(tmp_path) == [1, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), np.float64("nan")])
def test_what_is_not_finite_is_null(tmp_path: Path, value: float) -> None:
    with MetricsLog(tmp_path) as log:
        log.write(1, {"loss": value, "lr": 0.1})
    text = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"step": 1, "loss": None, "lr": 0.1}


def test_a_file_that_may_grow_no_more_is_named_and_the_torn_line_is_dropped_on_resume(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with MetricsLog(tmp_path) as log:
        log.write(1, {"loss": 1.0})
        size = (tmp_path / "metrics.jsonl").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 7, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large") as caught:
                log.write(2, {"loss": 2.0})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(tmp_path / "metrics.jsonl")
    assert (tmp_path / "metrics.jsonl").stat().st_size == size + 7
    with MetricsLog(tmp_path, step=1):
        pass
    assert steps(tmp_path) == [1]


class Board:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def write(self, *given: Any) -> None:
        self.told.append(given)

    def close(self) -> None:
        self.told.append("closed")


def test_every_board_gets_the_same_numbers_and_is_closed(tmp_path: Path) -> None:
    boards = [Board(), Board()]
    with MetricsLog(tmp_path, step=4, boards=boards) as log:
        log.write(5, {"loss": 2.0, "lr": 0.1})
    assert all(board.told == [(5, {"loss": 2.0, "lr": 0.1}), "closed"] for board in boards)
