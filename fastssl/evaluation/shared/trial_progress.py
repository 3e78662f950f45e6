"""What a person sees while trials go on.

Covers: what the bar over all trials says, a line for every finished trial.
Does not cover: the bar (`fastssl.training.progress_bar`), running trials (`trials.py`).
"""

from __future__ import annotations

from rich.console import Console

from fastssl.console import say
from fastssl.training.progress_bar import ProgressBar


class TrialProgress(ProgressBar):
    """A context manager that shows one bar for all trials; between `begin` and `end` is one trial.

    Args:
        console: where bar and lines go.
        trials: how many there are in all.
        done: how many of them were finished before.
        work: images that all trials to come process at most; the time left is estimated by it.
    """

    def __init__(self, console: Console, *, trials: int, done: int, work: int) -> None:
        super().__init__(console, total=work, transient=True)
        self._trials, self._number = trials, done
        self._before = 0

    def begin(self, title: str, *, length: int, unit: str, images: int) -> None:
        """Show that a trial begins.

        Args:
            title: names it.
            length: units (epochs or steps) that it takes at most.
            unit: "epoch" or "step".
            images: images that one unit processes.
        """
        self._number += 1
        self._title = f"trial {self._number}/{self._trials}  {title}"
        self._length, self._unit, self._images = length, unit, images
        self.show(self._before, self._title, "")

    def update(self, done: int, facts: str) -> None:
        """Show that `done` units of the trial are done; facts: what is known after them, such as its score."""
        worked = self._before + done * self._images
        self.show(worked, self._title, f"{self._unit} {done}/{self._length}  {facts}")

    def end(self, found: str) -> None:
        """Print a line for the finished trial, which may have stopped early; found: its result in a few words."""
        self._before += self._length * self._images
        self.show(self._before, self._title, "")
        say(self.console, f"{self._title}: {found}")
