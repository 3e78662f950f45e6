"""The checkpoints of one run, as its loop sees them.

Covers: when one is due, taking one of the state of now, going back to the newest. Does not cover: the loop
(`engine.py`), what the state is (`run_state.py`), writing it meanwhile (`checkpoint_writer.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from fastssl.distributed.world import world
from fastssl.models.synced_norm import average_running_statistics
from fastssl.training.batches import Batches
from fastssl.training.checkpoint import Checkpoint, load_newest
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.checkpoint_writer import CheckpointWriter
from fastssl.training.run_state import capture_state, restore_state
from fastssl.training.step import Step


class RunCheckpoints:
    """Takes checkpoints of a step and a loader; of several processes, which all call it, that of rank 0 writes.

    Args:
        step: with stage, optimiser and scaler.
        loader: of the training images.
        device: of the run.
        policy: where they go, how often, how many are kept.
        now: tells the time in seconds; it never goes back.
    """

    def __init__(
        self,
        step: Step,
        loader: Batches,
        device: torch.device,
        policy: CheckpointPolicy,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._step = step
        self._loader = loader
        self._device = device
        self._policy = policy
        self._now = now
        self._taken: int | None = None
        self._time = now()
        self.writer = CheckpointWriter(policy)

    @property
    def by_step(self) -> bool:
        """Whether the step alone tells when one is due, on every process alike; else the clock does."""
        return self._policy.every_steps is not None

    def is_due(self, number: int) -> bool:
        """Tell whether the next checkpoint is to be taken.

        Args:
            number: how many steps are finished.

        Returns:
            Whether it is.

        Raises:
            DivergenceError: a tensor of the one before is not finite.
            OSError: the one before could not be written.
        """
        self.writer.check()
        return self._policy.is_due(number, self._now() - self._time, self.writer.cost)

    def take(self, number: int) -> None:
        """Take a checkpoint, unless there is one of this step; it is written while training goes on.

        Args:
            number: how many steps are finished.

        Raises:
            DivergenceError: a tensor of the one before is not finite.
            OSError: the one before could not be written.
        """
        if self._taken != number:
            average_running_statistics(self._step.stage)
            if world().leads:
                self.writer.submit(self._captured(number))
            self._mark(number)

    def take_into(self, folder: Path, number: int) -> float:
        """Write a checkpoint to another folder, and return once it is on disk; it counts as the run's own.

        Args:
            folder: of checkpoints, which the caller puts in the place of the run's own.
            number: how many steps are finished.

        Returns:
            Seconds that such a checkpoint takes from the steps when it is written meanwhile.

        Raises:
            DivergenceError: a tensor is not finite.
            OSError: it cannot be written.
        """
        writer = CheckpointWriter(replace(self._policy, folder=folder))
        writer.write(self._captured(number))
        self.count(number)
        return writer.cost

    def count(self, number: int) -> None:
        """Take a checkpoint that is there for one that was taken now.

        Args:
            number: of the step that it was taken after.
        """
        self.writer.count(number)
        self._mark(number)

    def resume(self, notify: Callable[[str], None]) -> int:
        """Load the newest sound checkpoint into step and loader.

        Args:
            notify: called with a line for each damaged checkpoint, which is passed over.

        Returns:
            How many steps are finished.

        Raises:
            CheckpointError: there is none, or it was made for another model or another identity.
        """
        checkpoint = load_newest(self._policy.folder, notify)
        restore_state(checkpoint, self._step, self._loader, self._device, self._policy)
        self.count(checkpoint.step)
        return checkpoint.step

    def _captured(self, number: int) -> Checkpoint:
        return capture_state(self._step, self._loader, self._device, number, self._policy.identity)

    def _mark(self, number: int) -> None:
        self._taken, self._time = number, self._now()
