"""The metrics of every step, on disk and, where it is installed, in TensorBoard.

Covers: `metrics.jsonl`, one JSON object per step, null for what is not finite; TensorBoard scalars; `speed.jsonl`, how
fast the machine was now and then. Does not cover: the terminal (`progress.py`).

What is timed has a file of its own: the metrics of a run are equal byte for byte wherever and however often it is
stopped, and times never are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from fastssl.files import write_atomically

METRICS = "metrics.jsonl"
SPEED = "speed.jsonl"
SPEED_EVERY = 10
"""Steps between two records of the speed, each of which is a mean over the last steps."""


class Board(Protocol):
    """The part of TensorBoard's `SummaryWriter` that is used here."""

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Write one metric of one step.

        Args:
            name: of the metric.
            value: of it.
            step: how many steps were finished with it.
        """

    def close(self) -> None:
        """Write what is not yet written."""


def open_tensorboard(folder: Path, step: int) -> Board | None:
    """Open TensorBoard's log of a run.

    Args:
        folder: of the run; the log lies in its `tensorboard` folder.
        step: what was logged after this step is hidden.

    Returns:
        The log; None where TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    board: Board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
    return board


class MetricsLog:
    """Appends records to a file of lines, `folder/metrics.jsonl`; a context manager.

    Args:
        folder: the run folder.
        step: records after this step, left by an earlier call that got further than its last checkpoint, are
            dropped, so that a resumed run logs every step once.
        open_board: opens the log that every metric also goes to, from the same arguments; None where there is none.
        name: of the file.
    """

    def __init__(
        self,
        folder: Path,
        step: int = 0,
        open_board: Callable[[Path, int], Board | None] = open_tensorboard,
        *,
        name: str = METRICS,
    ) -> None:
        self._path = folder / name
        _truncate(self._path, step)
        # A line at a time: a checkpoint must never be ahead of the log, or a killed run would lack the steps between.
        self._file = self._path.open("ab", buffering=0)
        self._board = open_board(folder, step)

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one record.

        Args:
            step: how many steps were finished with it.
            values: the metrics by name.

        Raises:
            OSError: it cannot be written, and its `filename` says which file; a part of the line may have been.
        """
        record = {"step": step, **{name: _finite(value) for name, value in values.items()}}
        rest = memoryview((json.dumps(record, allow_nan=False) + "\n").encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            error.filename = str(self._path)  # a failed write does not say where
            raise
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is None:
            return
        with suppress(OSError) if error is not None else nullcontext():  # the disk is full: told already
            self._board.close()


def open_speed_log(folder: Path, step: int) -> MetricsLog:
    """Open the log of a run's speed, `folder/speed.jsonl`, which no TensorBoard shows.

    Args:
        folder: the run folder.
        step: records after this step are dropped.

    Returns:
        The log; a context manager.
    """
    return MetricsLog(folder, step, lambda *_: None, name=SPEED)


def _truncate(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = []
    for line in path.read_bytes().splitlines():
        try:
            done = json.loads(line.decode("utf-8"))["step"]  # of bytes, json takes surrogates as well
        except (ValueError, LookupError, TypeError, RecursionError):  # cut off where its writer was killed, or the like
            continue
        if isinstance(done, int) and done <= step:
            kept.append(line + b"\n")
    write_atomically(path, b"".join(kept))


def _finite(value: Any) -> Any:
    """None, which is null in JSON, for a number that JSON cannot say."""
    return None if isinstance(value, float) and not isfinite(value) else value
