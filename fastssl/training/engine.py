"""The one training loop.

Covers: steps until the end or a signal, noticing a loss that diverges. Does not cover: what a step does (`step.py`),
any particular objective (`fastssl.stages`), where batches come from (`batches.py`), checkpoints
(`run_checkpoints.py`), what a person is shown (`progress.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor

from fastssl.distributed.agreement import Agreement, Decision
from fastssl.distributed.world import world
from fastssl.errors import DivergenceError
from fastssl.runtime import Runtime
from fastssl.stages.stage import Batch, Stage
from fastssl.training.batches import Batches
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.data_parallel import GradientSettings
from fastssl.training.progress import StepClock
from fastssl.training.run_checkpoints import RunCheckpoints
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step import MEASURE_EVERY, Step
from fastssl.training.step_metrics import MetricsQueue, StepMetrics
from fastssl.training.stop_signal import StopRequest, stop_on_signal

BatchesT = TypeVar("BatchesT", bound=Batches)

MOST_SKIPPED = 60
"""Steps in a row that the gradient scaler may skip: halved as often, any scale is 0."""


class Engine(Generic[BatchesT]):
    """Steps one stage over one loader.

    Args:
        stage: moved to the device, in place, as `Runtime.place` does.
        loader: of the training images.
        runtime: device, precision, compilation.
        optimizer: makes the optimiser from the stage's trained parameters, once they are on the device.
        schedule: its `total_steps` is the length of the whole run, over all calls.
        checkpoints: where they go, and how often; None keeps none, for runs that are too short to need any.
        measure_every: steps from one whose costly metrics are computed, too, to the next.
        gradients: how the gradient of a step comes together.
    """

    def __init__(
        self,
        stage: Stage,
        loader: BatchesT,
        runtime: Runtime,
        optimizer: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer],
        schedule: CosineSchedule,
        checkpoints: CheckpointPolicy | None,
        measure_every: int = MEASURE_EVERY,
        gradients: GradientSettings = GradientSettings(),  # noqa: B008 (frozen)
    ) -> None:
        self._step = Step(stage, runtime, optimizer, measure_every, gradients)
        self.stage = stage
        self.loader = loader
        self.runtime = runtime
        self.schedule = schedule
        self.step = 0
        self._checkpoints = (
            None if checkpoints is None else RunCheckpoints(self._step, loader, runtime.device, checkpoints)
        )
        self._skipped = 0

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the stage's trained parameters."""
        return self._step.optimizer

    def fit(
        self,
        until: int,
        on_metrics: Callable[[StepMetrics], None],
        clock: StepClock,
        between_steps: Callable[[int], bool] = lambda step: False,
    ) -> StopRequest:
        """Train until so many steps are done in all, or a signal asks to stop; the last step is then saved.

        Of several processes all stop and save at the same step.

        Args:
            until: how many steps are to be done, those before this call included.
            on_metrics: called with every step's metrics, in order, on CUDA a few steps late.
            clock: times the steps.
            between_steps: called after every step with how many are finished, and may take its time; it returns whether
                it did.

        Returns:
            Whether a signal asked to stop.

        Raises:
            DivergenceError: the loss or a weight is not finite. The last good checkpoint stays.
            OSError: a checkpoint cannot be written; those before it stay.
        """
        queue, checkpoints, agreement = MetricsQueue(), self._checkpoints, Agreement()
        with stop_on_signal() as stop, checkpoints.writer if checkpoints else nullcontext():
            decided = Decision(signal=stop.number)
            while self.step < until and not decided.signal:
                for batch in clock.waiting(self.loader):
                    metrics = self.train_step(batch)
                    clock.tick()
                    if metrics is None:
                        continue
                    queue.push(self.step, metrics)
                    self._deliver(queue.arrived(), on_metrics)
                    due = checkpoints is not None and checkpoints.is_due(self.step)
                    decided = agreement.next(save=due, signal=stop.number)
                    if checkpoints is not None and (due if checkpoints.by_step else decided.save):
                        self._deliver(queue.all(), on_metrics)
                        checkpoints.take(self.step)
                        clock.pause()
                    if between_steps(self.step):
                        clock.pause()
                    if self.step >= until or decided.signal:
                        break
            left = agreement.last(signal=stop.number)
            stop.number = decided.signal or left.signal
            self._deliver(queue.all(), on_metrics)
            if checkpoints is not None:
                checkpoints.take(self.step)
        return stop

    def train_step(self, batch: Batch) -> dict[str, Tensor] | None:
        """Do one step, without waiting for the device.

        Args:
            batch: on the device, as the stage takes it.

        Returns:
            Scalars on the device, among them "loss". None where fp16 did not hold the gradients: the scaler then takes
            a smaller scale, and the step does not count.

        Raises:
            DivergenceError: no scale is small enough.
        """
        metrics = self._step(batch, self.schedule.lr(self.step), number=self.step)
        if metrics is None:
            self._skipped += 1
            if self._skipped > MOST_SKIPPED:
                raise DivergenceError(
                    f"fp16 holds no gradient of step {self.step + 1}, however scaled; {self._way_back()}"
                )
            return None
        self._skipped = 0
        self.step += 1
        return metrics

    def warm_up(self) -> None:
        """Show the stage the images that it needs before the first step; the loader is put back to its start.

        They are the last of the first epoch: in an epoch's first steps MoCo's queue must not hold the very keys that
        come as positives.
        """
        images = self.loader.batch_size * world().size
        batches = min(-(-self.stage.warm_up_images // images), len(self.loader))
        if batches == 0:
            return
        start = self.loader.state_dict()
        self.loader.load_state_dict({**start, "iteration": len(self.loader) - batches})
        for batch in self.loader:
            with self.runtime.autocast():
                self.stage.warm_up(batch)
        self.loader.load_state_dict(start)

    def save_into(self, folder: Path) -> float:
        """Write a checkpoint of this step to a folder, and return once it is on disk; it counts as the run's own.

        Of several processes that of rank 0 calls it; the others call `count_checkpoint`.

        Args:
            folder: of checkpoints, which the caller puts in the place of the run's own.

        Returns:
            Seconds that such a checkpoint takes from the steps when it is written meanwhile.

        Raises:
            DivergenceError: a tensor to be saved is not finite.
            ValueError: the engine was made without checkpoints.
            OSError: it cannot be written.
        """
        return self._own_checkpoints().take_into(folder, self.step)

    def count_checkpoint(self) -> None:
        """Take it that there is a checkpoint of this step, which another process has written."""
        self._own_checkpoints().count(self.step)

    def resume(self, notify: Callable[[str], None]) -> None:
        """Load the newest sound checkpoint.

        Args:
            notify: called with a line for each damaged checkpoint, which is passed over.

        Raises:
            CheckpointError: there is none, or it was made for another model or another identity.
            ValueError: the engine was made without checkpoints.
        """
        self.step = self._own_checkpoints().resume(notify)

    def _deliver(self, arrived: Iterable[StepMetrics], on_metrics: Callable[[StepMetrics], None]) -> None:
        for metrics in arrived:
            on_metrics(metrics)
            loss = metrics.values["loss"]
            if not math.isfinite(loss):
                if self._checkpoints is not None:
                    self._checkpoints.writer.finish()  # a checkpoint under way may tell of it by an earlier step
                raise DivergenceError(f"the loss became {loss} at step {metrics.step}; {self._way_back()}")

    def _own_checkpoints(self) -> RunCheckpoints:
        if self._checkpoints is None:
            raise ValueError("this engine was made without checkpoints")
        return self._checkpoints

    def _way_back(self) -> str:
        if self._checkpoints is None:
            return "start again with a lower --lr or --no-amp"
        return self._checkpoints.writer.way_back()
