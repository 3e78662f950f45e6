"""What happened at every step, on disk and, where it is installed, in TensorBoard.

Covers: `metrics.jsonl`, one JSON object a step; TensorBoard scalars. Does not cover: the terminal (`progress.py`).
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from fastssl.files import write_atomically


class MetricsLog:
    """Appends records to `folder/metrics.jsonl`; a context manager.

    Args:
        folder: the run folder.
        step: records after this step, left by an earlier invocation that got further than its last checkpoint, are
            dropped, so that a resumed run logs every step once.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        path = folder / "metrics.jsonl"
        _truncate(path, step)
        # A line at a time: a checkpoint must never be ahead of the log, or a killed run would lack the steps between.
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._board = _tensorboard(folder, step)

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Append one record."""
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


def _tensorboard(folder: Path, step: int) -> Any | None:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
