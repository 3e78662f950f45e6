"""Several pretext tasks on one shared encoder.

Covers: the second stage of "Multi-Task Continued Pre-training" (MeDA Challenge 2025): jigsaw, patch prediction and
colorization, one of them per step, or, for comparison, all of them summed. Does not cover: the tasks (`tasks.py`),
which task a step is for (`fastssl.pipelines.PretextTasks` draws it), the loop, mixed precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn

from fastssl.pipelines import View
from fastssl.pipelines.views.pretext_tasks import of_task
from fastssl.stages.pretext.scores import score_tasks
from fastssl.stages.pretext.tasks import TASKS, Task
from fastssl.stages.stage import Batch, Score, Stage, StageOutput


class Pretext(Stage):
    """The loss of the tasks that a batch is for; their heads and the encoder learn from it, other heads stay.

    Args:
        encoder: a timm model; maps `[B, C, S, S]` to `[B, D]`, and has `forward_features`.
        views: task name (of `TASKS`) -> its view; a head is made for each.
        weights: of each task's loss in the sum; 1 for those not named. None of it matters to the gradient's direction
            where each batch is for one task.
        freeze_bn: the encoder's batch norms keep their running statistics and normalise by them; their scales and
            offsets go on learning.
        seed: of the heads' weights.

    The batch holds "TASK/NAME" for each NAME that the task's view yields, as `PretextTasks` makes it. Which tasks it is
    for shows in its keys alone, so a compiled step has one graph for each set of keys.
    """

    alternates = True

    def __init__(
        self,
        encoder: nn.Module,
        views: Mapping[str, View],
        *,
        weights: Mapping[str, float] | None = None,
        freeze_bn: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.freeze_bn = freeze_bn
        self.weights = dict.fromkeys(views, 1.0) | dict(weights or {})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            tasks = nn.ModuleDict({name: TASKS[name](encoder, view) for name, view in views.items()})
        self.tasks = cast(Mapping[str, Task], tasks)

    def train(self, mode: bool = True) -> Pretext:
        """Switch to training or evaluation mode; frozen batch norms stay in evaluation mode.

        Args:
            mode: True for training.

        Returns:
            The stage itself.
        """
        super().train(mode)
        if self.freeze_bn:
            for part in self.encoder.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self

    def loss(self, batch: Batch) -> StageOutput:
        """Compute the weighted sum over the batch's tasks.

        Metrics: "TASK/loss", unweighted, and "jigsaw/accuracy".

        Raises:
            ValueError: the batch is for no task that the stage has.
        """
        losses: list[Tensor] = []
        metrics: dict[str, Tensor] = {}
        for name, task in self.tasks.items():
            if own := of_task(batch, name):
                loss, others = task.loss(self.encoder, own)
                losses.append(self.weights[name] * loss)
                metrics |= {f"{name}/{key}": value for key, value in {"loss": loss.detach(), **others}.items()}
        if not losses:
            raise ValueError(f"the batch holds no tensor of {', '.join(self.tasks)}")
        return StageOutput(loss=torch.stack(losses).sum(), metrics=metrics, carry={})

    def visualize(self, batch: Batch) -> dict[str, Tensor]:
        """Return images of the batch's tasks: "jigsaw/reordered", "inpaint/restored", "colorize/restored"."""
        return {
            f"{name}/{key}": picture
            for name, task in self.tasks.items()
            if (own := of_task(batch, name))
            for key, picture in task.visualize(self.encoder, own).items()
        }

    def messages(self) -> list[str]:
        """Tell how to read the losses."""
        return [line for task in self.tasks.values() for line in task.messages()]

    def score(
        self, batches: Iterable[Batch], autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> Mapping[str, Score]:
        """Score every task by `score_tasks`."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad(), autocast():
                return score_tasks(self.encoder, self.tasks, batches)
        finally:
            self.train(was_training)
