"""How far something has come: a bar where somebody watches a terminal, elsewhere a plain line now and then.

Covers: when to print, how long is left. Does not cover: what is said of training (`progress.py`) and of trials
(`finetuning/progress.py`).
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

BarT = TypeVar("BarT", bound="ProgressBar")

PLAIN_SECONDS = 10.0


class ProgressBar:
    """A context manager.

    Args:
        total, done: the work, in any unit, and how much of it was done before.
        title, facts: what stands beside the bar until the first `show`.
        transient: the bar goes when it is done.
    """

    def __init__(
        self, console: Console, *, total: int, done: int = 0, title: str = "", facts: str = "", transient: bool = False
    ) -> None:
        self.console = console
        self._total, self._first = total, done
        self._started = time.monotonic()
        self._printed = 0.0
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=40 if transient else None),
                TaskProgressColumn(),
                TextColumn("{task.fields[facts]}"),
                TextColumn("ETA"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=not transient),
                console=console,
                expand=not transient,
                transient=transient,
            )
            self._task = self._bar.add_task(escape(title), total=total, completed=done, facts=facts)

    def show(self, completed: int, title: str, facts: str, *, count: str = "", now: bool = False) -> None:
        """Move the bar, or print a line of title, count, facts and ETA, if `now` or ten seconds after the one before.

        count: what the bar says by its length. Without facts there is no line.
        """
        if self._bar is not None:
            self._bar.update(self._task, completed=completed, description=escape(title), facts=facts)
            return
        moment = time.monotonic()
        if not facts or (not now and moment - self._printed < PLAIN_SECONDS):
            return
        self._printed = moment
        left = (moment - self._started) / max(completed - self._first, 1) * (self._total - completed)
        line = "  ".join(filter(None, (title, count, facts, f"ETA {duration(left)}")))
        self.console.print(escape(line), highlight=False, soft_wrap=True)

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
    """Such as 0:07, 12:30 or 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
