"""The metrics of a run on disk, and in whatever other logs are open.

Covers: `metrics.jsonl`: a JSON object per step, and one for each look at the encoder, whose names begin with
"monitor/"; null for what is not finite. Does not cover: the other logs (`boards`), the terminal (`progress.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any

from fastssl.files import write_atomically
from fastssl.training.boards import Board

METRICS = "metrics.jsonl"
MONITOR = "monitor/"
"""In front of the names of what is measured of the encoder, which not every step has."""


class MetricsLog:
    """Appends records to `folder/metrics.jsonl`; a context manager.

    Args:
        folder: the run folder.
        step: records after this step, left by an earlier call that got further than its last checkpoint, are
            dropped, so that a resumed run logs every step once.
        boards: other logs that every metric goes to; they are closed with this one.
    """

    def __init__(self, folder: Path, step: int = 0, boards: Sequence[Board] = ()) -> None:
        self._path = folder / METRICS
        _truncate(self._path, step)
        # A line at a time: a checkpoint must never be ahead of the log, or a killed run would lack the steps between.
        self._file = self._path.open("ab", buffering=0)
        self._boards = tuple(boards)

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
        for board in self._boards:
            board.write(step, values)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with suppress(OSError) if error is not None else nullcontext():  # the disk is full: told already
            for board in self._boards:
                board.close()


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
