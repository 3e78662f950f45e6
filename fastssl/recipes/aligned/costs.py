"""What the pre-training of each method has cost, over all calls of a recipe that was stopped and resumed.

Covers: a file of seconds, written when a call begins and when it ends; calls that were killed, which end with the last
file that they wrote. Does not cover: the budget itself (`fastssl.training.pace`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from fastssl.distributed.world import world
from fastssl.errors import CheckpointError
from fastssl.files import write_json


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The pre-training of one method so far.

    Attributes:
        seconds: of all calls that have ended, preparation and measured pace included.
        calls: how many there were.
        open_since: when a call began that has not ended, in seconds since 1970; None where there is none.
    """

    seconds: float = 0.0
    calls: int = 0
    open_since: float | None = None


class CostLedger:
    """The costs of all methods, in one file; of several processes that of rank 0 writes it.

    Args:
        path: of the JSON file; it need not exist.
        now: tells the time in seconds since 1970, as files have it.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path, self._now = path, now

    @contextmanager
    def timed(self, name: str, folder: Path) -> Iterator[None]:
        """Count the time inside the block as a method's, however the block ends.

        Args:
            name: of the method.
            folder: of its run, whose newest file tells when an earlier call was killed.

        Yields:
            Nothing.

        Raises:
            CheckpointError: the file is damaged.
        """
        if not world().leads:
            yield
            return
        before = _closed(self.cost(name), folder)
        began = self._now()
        self._write(name, Cost(seconds=before.seconds, calls=before.calls, open_since=began))
        try:
            yield
        finally:
            self._write(name, Cost(seconds=before.seconds + self._now() - began, calls=before.calls + 1))

    def cost(self, name: str) -> Cost:
        """Return the cost of a method.

        Args:
            name: of the method.

        Raises:
            CheckpointError: the file is damaged.
        """
        return self._read().get(name, Cost())

    def _read(self) -> dict[str, Cost]:
        if not self._path.is_file():
            return {}
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: Cost(**cost) for name, cost in stored.items()}
        except (ValueError, TypeError, AttributeError):
            raise CheckpointError(f"{self._path}: cannot be read; delete it to count the costs anew") from None

    def _write(self, name: str, cost: Cost) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, {name: asdict(one) for name, one in (self._read() | {name: cost}).items()})


def _closed(cost: Cost, folder: Path) -> Cost:
    """`cost` with the call that was killed, as far as its files tell."""
    if cost.open_since is None:
        return cost
    signs = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    lasted = max(0.0, max(signs, default=cost.open_since) - cost.open_since)
    return Cost(seconds=cost.seconds + lasted, calls=cost.calls + 1)
