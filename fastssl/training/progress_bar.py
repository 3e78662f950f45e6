"""How far something has come: a bar where somebody watches a terminal, elsewhere a plain line now and then.

Covers: when to print, how long is left. Does not cover: what is said of training (`progress.py`) and of trials
(`fastssl.evaluation.shared.trial_progress`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from fastssl.console import say
from fastssl.text import printable

BarT = TypeVar("BarT", bound="ProgressBar")

PLAIN_SECONDS = 10.0
"""Between two plain lines."""


class ProgressBar:
    """A bar, or plain lines; a context manager.

    Args:
        console: where it is shown.
        total: the work, in any unit.
        done: how much of it was done before.
        title: text in front of the bar until the first `show`.
        status: text behind the bar until then.
        transient: the bar goes when it is done.
        now: tells the time in seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        total: int,
        done: int = 0,
        title: str = "",
        status: str = "",
        transient: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console
        self._total, self._first = total, done
        self._now = now
        self._started = now()
        self._printed = 0.0
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=40 if transient else None),
                TaskProgressColumn(),
                TextColumn("{task.fields[status]}", markup=False),
                TextColumn("ETA"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=not transient),
                console=console,
                expand=not transient,
                transient=transient,
            )
            self._task = self._bar.add_task(printable(title), total=total, completed=done, status=printable(status))

    def show(self, completed: int, title: str, status: str, *, count: str = "", at_once: bool = False) -> None:
        """Move the bar, or print a line of title, count, status and time left.

        Args:
            completed: how much is done.
            title: text in front.
            status: text behind; without one there is no line.
            count: what a bar says by its length, for the line.
            at_once: print the line even if the one before is less than ten seconds old.
        """
        if self._bar is not None:
            self._bar.update(self._task, completed=completed, description=printable(title), status=printable(status))
            return
        moment = self._now()
        if not status or (not at_once and moment - self._printed < PLAIN_SECONDS):
            return
        self._printed = moment
        left = (moment - self._started) / max(completed - self._first, 1) * (self._total - completed)
        line = "  ".join(filter(None, (title, count, status, f"ETA {duration(left)}")))
        say(self.console, line)

    def __enter__(self: BarT) -> BarT:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """Write a time as a clock shows it.

    Args:
        seconds: the time.

    Returns:
        Such as 0:07, 12:30 or 1:02:03.
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
