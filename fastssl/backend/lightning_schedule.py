"""The learning rate under Lightning: a function of the step, over the length that the Trainer has.

Covers: torch's scheduler of such a function, how many steps a Trainer takes. Does not cover: the function
(`fastssl.training.schedule`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from fastssl.training.build import TrainingRun
from fastssl.training.layer_rates import scale_of


class StepRate(LRScheduler):
    """The learning rate as a function of the step alone; a checkpoint holds its step and no function.

    Args:
        optimizer: all its groups get the same rate, times their `lr_scale` where they have one.
        rate: of a step, by how many were done before it.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, rate: Callable[[int], float]) -> None:
        self._rate_of = rate
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Compute the rates of the next step.

        Returns:
            One for each group of parameters.
        """
        return [self._rate_of(self.last_epoch) * scale_of(group) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the step.

        Returns:
            torch's own state, without the function.
        """
        return {name: value for name, value in super().state_dict().items() if name != "_rate_of"}


def trainer_steps(trainer: Any, run: TrainingRun) -> int | None:
    """Count the steps that a Trainer takes over a run's images.

    Lightning's `estimated_stepping_batches` opens the data too early for a checkpoint's position to be read (2.6).

    Args:
        trainer: Lightning's.
        run: whose images and batch size an epoch has.

    Returns:
        How many in all, those before a checkpoint included; None where the Trainer sets no end.
    """
    ends = [trainer.max_steps] if trainer.max_steps > 0 else []
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        batches, limit = len(run.source.splits["train"]) // run.settings.batch_size, trainer.limit_train_batches
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
        ends.append(trainer.max_epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    return max(1, min(ends)) if ends else None
