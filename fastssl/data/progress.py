"""Telling how far a long job has come.

Covers: a bar on a terminal, and plain lines elsewhere (one every ten seconds). Does not cover: training progress.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Notify = Callable[[str], None]
SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(what: str, total: int, notify: Notify | None) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the amount done since the last call; `total` of 0 means unknown.

    On a terminal (stderr) a bar is drawn. Elsewhere `notify` gets a line at most every ten seconds. With `notify` None
    nothing is shown.
    """
    if notify is None:
        yield lambda amount: None
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total, notify)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total or None)
        yield lambda amount: bar.advance(task, amount)


def _lines(what: str, total: int, notify: Notify) -> Callable[[int], None]:
    done, last = 0, time.monotonic()

    def advance(amount: int) -> None:
        nonlocal done, last
        done += amount
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            notify(f"{what}: {100 * done / total:.0f} %" if total else f"{what}: {done} so far")

    return advance
