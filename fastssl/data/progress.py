"""Showing how far a long job has come.

Covers: a bar on a terminal, and plain lines elsewhere (one every ten seconds). Does not cover: training progress.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Notify = Callable[[str], None]
SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(
    what: str,
    total: int,
    notify: Notify | None,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None]]:
    """Show the progress of the job inside the block: a bar on a terminal, elsewhere lines by `notify`.

    Args:
        what: the job's name.
        total: amount of work, in any unit; 0 if unknown.
        notify: called with a line of text at most every ten seconds; None shows nothing, on a terminal either.
        stream: where a bar goes if it is a terminal; None: stderr.
        clock: tells the time, in seconds.

    Yields:
        A function to call with the amount done since its last call.
    """
    stream = stream or sys.stderr
    if notify is None:
        yield lambda amount: None
    elif stream.isatty():
        with _bar(what, total, stream) as advance:
            yield advance
    else:
        yield _lines(what, total, notify, clock)


@contextmanager
def _bar(what: str, total: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from fastssl.console import new_console
    from fastssl.text import printable

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=new_console(file=stream)) as bar:
        task = bar.add_task(printable(what), total=total or None)
        yield lambda amount: bar.advance(task, amount)


def _lines(what: str, total: int, notify: Notify, clock: Callable[[], float]) -> Callable[[int], None]:
    done, last = 0, clock()

    def advance(amount: int) -> None:
        nonlocal done, last
        done += amount
        if clock() - last >= SECONDS_BETWEEN_LINES:
            last = clock()
            notify(f"{what}: {100 * done / total:.0f} %" if total else f"{what}: {done} so far")

    return advance
