"""What the heads of a pretext stage have learnt, as numbers that a guess scores nothing on.

Covers: jigsaw accuracy, compared with chance; restored images, compared with the best single colour. Does not cover:
which images are used (`fastssl.training.conclusion`), how good the encoder is (`fastssl.evaluation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from fastssl.pipelines.placement import APPLE
from fastssl.pipelines.views.pretext_tasks import of_task
from fastssl.stages.pretext.tasks import JigsawTask, RestorationTask, Task
from fastssl.stages.stage import Batch


@dataclass(frozen=True, kw_only=True)
class OrderScore:
    """How often the jigsaw's head names the order of the tiles.

    Args:
        accuracy: share of images whose order was named rightly.
        chance: what a guess is expected to score.
    """

    accuracy: float
    chance: float

    def numbers(self) -> dict[str, float | None]:
        """Return the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.accuracy:.1%} of the orders named rightly; a guess: {self.chance:.1%}"


@dataclass(frozen=True, kw_only=True)
class RestorationScore:
    """How near the predicted pixels are to the true ones.

    Args:
        error: mean squared error over all images, channels and pixels that the task scores (inpainting: the gap alone),
            of normalised values.
        mean_error: that of predicting, everywhere, the mean of the true values of each channel: the best single colour.
        shown_error: that of the image as the head was shown it (grey, say); None where it was shown nothing of what is
            scored (a gap).
    """

    error: float
    mean_error: float
    shown_error: float | None

    @property
    def r2(self) -> float:
        """Coefficient of determination, 1 - error / mean_error: 1 is perfect, 0 the mean colour; nan if all is flat."""
        return 1.0 - self.error / self.mean_error if self.mean_error > 0 else float("nan")

    def numbers(self) -> dict[str, float | None]:
        """Return the fields by name, and "r2"."""
        return asdict(self) | {"r2": self.r2}

    def __str__(self) -> str:
        if not self.mean_error > 0:
            return f"squared error {self.error:.3g}; every true pixel has the same colour"
        own = f"squared error {self.error / self.mean_error:.0%} of that of the mean colour (R2 {self.r2:.2f})"
        if self.shown_error is None:
            return own
        return f"{own}; of the picture as it was shown: {self.shown_error / self.mean_error:.0%}"


def score_tasks(
    encoder: nn.Module, tasks: Mapping[str, Task], batches: Iterable[Batch]
) -> dict[str, OrderScore | RestorationScore]:
    """Score every task on held-out images.

    Args:
        encoder: in evaluation mode, on its device.
        tasks: by name, likewise.
        batches: as `PretextTasks` makes them, for all tasks or for one each; at least one for every task.

    Returns:
        Name of a task -> its score.
    """
    tallies = {name: _tally(task) for name, task in tasks.items()}
    for batch in batches:
        for name, tally in tallies.items():
            if own := of_task(batch, name):
                tally.add(encoder, own)
    return {name: tally.score() for name, tally in tallies.items()}


class _Orders:
    """Counts the orders that are named rightly."""

    def __init__(self, task: JigsawTask) -> None:
        self._task = task
        self._right, self._count = 0, 0

    def add(self, encoder: nn.Module, batch: Batch) -> None:
        named = self._task.head(encoder(batch["image"])).argmax(dim=1)
        self._right += int((named == batch["permutation"]).sum())
        self._count += len(named)

    def score(self) -> OrderScore:
        return OrderScore(accuracy=self._right / self._count, chance=1 / len(self._task.orders))


class _Pixels:
    """Sums squared errors, and what the error of the mean colour follows from: counts, sums and squares per channel."""

    def __init__(self, task: RestorationTask) -> None:
        self._task = task
        self._errors, self._count = 0.0, 0
        self._shown: float | None = None
        self._sums: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def add(self, encoder: nn.Module, batch: Batch) -> None:
        target = _double(batch["target"])
        mask = batch.get("mask")
        counts = torch.ones_like(target) if mask is None else _double((mask != 0).expand_as(batch["target"]))
        predicted = self._task.predict(encoder, batch)
        self._errors += float((counts * (_double(predicted) - target).square()).sum())
        if mask is None:
            self._shown = (self._shown or 0.0) + float((_double(batch["image"]) - target).square().sum())
        self._count += int(counts.sum())
        self._sums += (counts * target).sum(dim=(0, 2, 3)).cpu()
        self._squares += (counts * target.square()).sum(dim=(0, 2, 3)).cpu()

    def score(self) -> RestorationScore:
        of_channel = self._count / len(torch.as_tensor(self._sums))
        spread = torch.as_tensor(self._squares) - torch.as_tensor(self._sums).square() / of_channel
        return RestorationScore(
            error=self._errors / self._count,
            mean_error=max(0.0, float(spread.sum())) / self._count,
            shown_error=None if self._shown is None else self._shown / self._count,
        )


def _tally(task: Task) -> _Orders | _Pixels:
    if isinstance(task, JigsawTask):
        return _Orders(task)
    if isinstance(task, RestorationTask):
        return _Pixels(task)
    raise TypeError(f"no score for {type(task).__name__}")


def _double(values: Tensor) -> Tensor:
    """In float64; on the CPU where the device, Apple's GPU, has none."""
    return (values.cpu() if values.device.type == APPLE else values).double()
