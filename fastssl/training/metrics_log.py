"""The metrics of every step, on disk and, where it is installed, in TensorBoard.

Covers: `metrics.jsonl`, one JSON object per step; TensorBoard scalars. Does not cover: the terminal (`progress.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from fastssl.files import write_atomically


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
    """Appends records to `folder/metrics.jsonl`; a context manager.

    Args:
        folder: the run folder.
        step: records after this step, left by an earlier call that got further than its last checkpoint, are
            dropped, so that a resumed run logs every step once.
        open_board: opens the log that every metric also goes to, from the same arguments; None where there is none.
    """

    def __init__(
        self, folder: Path, step: int = 0, open_board: Callable[[Path, int], Board | None] = open_tensorboard
    ) -> None:
        path = folder / "metrics.jsonl"
        _truncate(path, step)
        # A line at a time: a checkpoint must never be ahead of the log, or a killed run would lack the steps between.
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._board = open_board(folder, step)

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Append one record.

        Args:
            step: how many steps were finished with it.
            values: the metrics by name.
        """
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def _truncate(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # the last line of a process that was killed while writing it
            continue
        if record["step"] <= step:
            kept.append(line + "\n")
    write_atomically(path, "".join(kept))
