"""What a person sees while a run goes on.

Covers: timing without making the device wait, what the bar says of a run.
Does not cover: the bar (`progress_bar.py`), the metrics (`step_metrics.py`), files (`metrics_log.py`).
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from rich.console import Console

from fastssl.training.progress_bar import ProgressBar

T = TypeVar("T")

WINDOW = 50
"""Steps that the figures of the bar are taken over."""
TASK_WINDOW = 20
"""Steps of one task that its figures are taken over."""


class StepClock:
    """Wall time of steps, and the part of it spent waiting for data.

    No device is synchronised: the engine reads metrics a few steps late, which keeps host and device in step, so the
    wall time of a window is the device's. The first step, which compiles and tunes, counts in no figure.

    Args:
        batch_size: images per step.
        now: tells the time in seconds.
    """

    def __init__(self, batch_size: int, now: Callable[[], float] = time.perf_counter) -> None:
        self._batch_size = batch_size
        self._now = now
        self._recent: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._wait = 0.0
        self._last: float | None = None
        self.seconds = 0.0
        self.waited = 0.0
        self.steps = 0

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """Pass batches on, timing how long each one is waited for.

        Args:
            batches: from a loader.

        Yields:
            Each of them.
        """
        iterator = iter(batches)
        while True:
            begin = self._now()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._wait += self._now() - begin
            yield batch

    def tick(self) -> None:
        """Mark the end of a step."""
        now = self._now()
        if self._last is not None:
            duration = now - self._last
            self._recent.append((duration, self._wait))
            self.seconds += duration
            self.waited += self._wait
            self.steps += 1
        self._wait = 0.0
        self._last = now

    def pause(self) -> None:
        """Leave out the time since the last `tick`: a checkpoint is not training."""
        self._last = self._now()

    @property
    def images_per_second(self) -> float:
        """Images per second over the last steps."""
        seconds = sum(duration for duration, _ in self._recent)
        return self._batch_size * len(self._recent) / seconds if seconds else 0.0

    @property
    def data_wait(self) -> float:
        """Share of the last steps' time that went into waiting for data, 0 to 1."""
        seconds = sum(duration for duration, _ in self._recent)
        return sum(wait for _, wait in self._recent) / seconds if seconds else 0.0

    @property
    def mean_images_per_second(self) -> float:
        """Images per second over all steps but the first."""
        return self._batch_size * self.steps / self.seconds if self.seconds else 0.0

    @property
    def mean_data_wait(self) -> float:
        """Share of all steps' time (but the first's) that went into waiting for data."""
        return self.waited / self.seconds if self.seconds else 0.0


class TaskFigures:
    """The figures of a stage with several tasks, "TASK/loss" and "TASK/accuracy", each a mean over its last steps.

    Where steps take turns at tasks, the loss of one step cannot be compared with that of the step before.
    """

    def __init__(self) -> None:
        self._recent: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=TASK_WINDOW))

    def add(self, metrics: Mapping[str, float]) -> None:
        """Count the metrics of one step.

        Args:
            metrics: by name; those of tasks count.
        """
        for name, value in metrics.items():
            if name.endswith(("/loss", "/accuracy")):
                self._recent[name].append(value)

    def __str__(self) -> str:
        """Such as "inpaint 0.107  jigsaw 2.913 (12%)", by name; empty where there are no tasks."""
        means = {name: sum(values) / len(values) for name, values in self._recent.items()}
        tasks = sorted(name.removesuffix("/loss") for name in means if name.endswith("/loss"))
        right = {task: f" ({means[f'{task}/accuracy']:.0%})" for task in tasks if f"{task}/accuracy" in means}
        return "  ".join(f"{task} {means[f'{task}/loss']:.3f}{right.get(task, '')}" for task in tasks)


class TrainingProgress(ProgressBar):
    """The bar of a run, or one plain line every ten seconds where nobody watches a terminal; a context manager.

    Its `watched` is what the last look at the encoder found, such as "kNN 83.1 %"; "" before the first.

    Args:
        console: where it is shown.
        name: of the stage.
        total: steps of the run.
        done: steps that were done before.
        steps_per_epoch: of the loader.
        chance: what the loss would be at chance, shown with it; None where that is not known.
        now: tells the time in seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        name: str,
        total: int,
        done: int,
        steps_per_epoch: int,
        chance: float | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        status = "first step: compiling and tuning"
        super().__init__(console, total=total, done=done, title=name, status=status, now=now)
        self._name = name
        self._steps_per_epoch = steps_per_epoch
        self._chance = f" (chance {chance:.2f})" if chance is not None else ""
        self._tasks = TaskFigures()
        self.watched = ""

    def update(self, step: int, loss: float, clock: StepClock, metrics: Mapping[str, float] | None = None) -> None:
        """Show that so many steps are done.

        Args:
            step: how many.
            loss: of the last of them.
            clock: that timed them.
            metrics: of the last of them; the losses of tasks among them are shown in place of `loss`.
        """
        self._tasks.add(metrics or {})
        epoch, epochs = (-(-steps // self._steps_per_epoch) for steps in (min(step, self._total), self._total))
        status = (
            f"epoch {epoch}/{epochs}  {str(self._tasks) or f'loss {loss:.3f}{self._chance}'}  "
            f"{clock.images_per_second:,.0f} img/s  data-wait {clock.data_wait:.1%}"
            f"{'  ' * bool(self.watched)}{self.watched}"
        )
        self.show(step, self._name, status, count=f"step {step}/{self._total}", at_once=step == self._total)
