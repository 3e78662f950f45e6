"""What a person sees while trials go on.

Covers: a bar over all trials on a terminal, plain lines elsewhere, a line for every finished trial.
Does not cover: results (`report.py`).
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from .trial import Epoch, Outcome

PLAIN_SECONDS = 10.0


class TrialProgress:
    """A context manager. work: how many images all trials to come will see at most, which the ETA goes by."""

    def __init__(self, console: Console, *, trials: int, done: int, work: int) -> None:
        self._console = console
        self._trials, self._number = trials, done
        self._work, self._worked = work, 0
        self._started = self._printed = time.monotonic()
        self._title = ""
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[facts]}"),
                TextColumn("ETA"),
                TimeRemainingColumn(compact=True),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=work, facts="")

    def begin(self, title: str, *, epochs: int, images: int) -> None:
        """A trial begins; images: how many it sees an epoch."""
        self._number += 1
        self._title = f"trial {self._number}/{self._trials}  {title}"
        self._epochs, self._images = epochs, images
        self._count, self._before = 0, self._worked
        self._show("")

    def epoch(self, epoch: Epoch) -> None:
        """One epoch of it is done."""
        self._count += 1
        self._worked = self._before + self._count * self._images
        self._show(f"epoch {self._count}/{self._epochs}  val AUC {epoch.val_auc:.3f}")

    def end(self, outcome: Outcome) -> None:
        """It is done, perhaps before its last epoch."""
        self._worked = self._before + self._epochs * self._images
        self._show("")
        best = outcome.epochs[outcome.best_epoch - 1]
        line = (
            f"{self._title}: val AUC {best.val_auc:.3f} at epoch {outcome.best_epoch} of {len(outcome.epochs)}, "
            f"test AUC {outcome.auc:.3f}, ACC {outcome.acc:.3f}, {outcome.seconds:.0f} s"
        )
        self._console.print(escape(line), highlight=False, soft_wrap=True)

    def _show(self, facts: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=self._worked, description=escape(self._title), facts=facts)
            return
        now = time.monotonic()
        if facts and now - self._printed >= PLAIN_SECONDS:
            self._printed = now
            left = (now - self._started) / self._worked * (self._work - self._worked)
            line = f"{self._title}: {facts}  ETA {left // 60:.0f}:{left % 60:02.0f}"
            self._console.print(escape(line), highlight=False, soft_wrap=True)

    def __enter__(self) -> TrialProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
