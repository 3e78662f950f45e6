"""What a person sees while trials go on.

Covers: what the bar over all trials says, a line for every finished trial.
Does not cover: the bar (`fastssl.training.progress_bar`), results (`report.py`).
"""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from fastssl.training.progress_bar import ProgressBar

from .trial import Epoch, Outcome


class TrialProgress(ProgressBar):
    """A context manager. work: how many images all trials to come will see at most, which the ETA goes by."""

    def __init__(self, console: Console, *, trials: int, done: int, work: int) -> None:
        super().__init__(console, total=work, transient=True)
        self._trials, self._number = trials, done
        self._worked = 0

    def begin(self, title: str, *, epochs: int, images: int) -> None:
        """A trial begins; images: how many it sees an epoch."""
        self._number += 1
        self._title = f"trial {self._number}/{self._trials}  {title}"
        self._epochs, self._images = epochs, images
        self._count, self._before = 0, self._worked
        self.show(self._worked, self._title, "")

    def epoch(self, epoch: Epoch) -> None:
        """One epoch of it is done."""
        self._count += 1
        self._worked = self._before + self._count * self._images
        self.show(self._worked, self._title, f"epoch {self._count}/{self._epochs}  val AUC {epoch.val_auc:.3f}")

    def end(self, outcome: Outcome) -> None:
        """It is done, perhaps before its last epoch."""
        self._worked = self._before + self._epochs * self._images
        self.show(self._worked, self._title, "")
        best = outcome.epochs[outcome.best_epoch - 1]
        line = (
            f"{self._title}: val AUC {best.val_auc:.3f} at epoch {outcome.best_epoch} of {len(outcome.epochs)}, "
            f"test AUC {outcome.auc:.3f}, ACC {outcome.acc:.3f}, {outcome.seconds:.0f} s"
        )
        self.console.print(escape(line), highlight=False, soft_wrap=True)
