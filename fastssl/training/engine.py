"""The one training loop.

Covers: steps until the end, checkpoints, stopping cleanly, noticing divergence.
Does not cover: what a step does (`step.py`), any particular objective (`stages/`), where batches come from
(`pipelines/`), what a person is shown (`progress.py`).
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fastssl.errors import CheckpointError, DivergenceError
from fastssl.runtime import Runtime
from fastssl.stages.stage import Batch, Stage
from fastssl.training.batches import Batches
from fastssl.training.checkpoint import (
    Checkpoint,
    flatten_optimizer,
    load_newest,
    restore_module,
    restore_optimizer,
    save_checkpoint,
)
from fastssl.training.progress import StepClock
from fastssl.training.random_state import random_states, restore_random_states
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step import Step
from fastssl.training.step_metrics import MetricsQueue, StepMetrics

CHECKPOINT_SECONDS = 60.0
MOST_SKIPPED = 60
"""Steps in a row that the gradient scaler may skip: halved as often, any scale is 0."""


@dataclass
class StopRequest:
    """Set by SIGTERM or the first Ctrl-C; the step in progress is finished, saved, and the loop ends."""

    signal: str | None = None


@dataclass(frozen=True)
class CheckpointPolicy:
    """Where checkpoints go, how often, and what must still be the same when one is resumed."""

    folder: Path
    every_steps: int | None = None
    """None: about once a minute."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What the run is made of, such as {"data": a fingerprint}; stored with every checkpoint."""


class Engine:
    """Steps one stage over one loader.

    Args:
        stage: moved to the device, in place, as `Runtime.place` does.
        optimizer: makes the optimiser from the stage's trained parameters, once they are on the device.
        schedule: its `total_steps` is the length of the whole run, over all invocations.
        checkpoints: None keeps nothing on disk, for runs so short that they are rather started again.
    """

    def __init__(
        self,
        stage: Stage,
        loader: Batches,
        runtime: Runtime,
        optimizer: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer],
        schedule: CosineSchedule,
        checkpoints: CheckpointPolicy | None,
    ) -> None:
        self._step = Step(stage, runtime, optimizer)
        self.stage = stage
        self.loader = loader
        self.runtime = runtime
        self.schedule = schedule
        self.checkpoints = checkpoints
        self.step = 0
        self._skipped = 0
        self._saved_step = -1
        self._saved_time = time.monotonic()

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """What steps the stage's trained parameters."""
        return self._step.optimizer

    def fit(self, until: int, on_metrics: Callable[[StepMetrics], None], clock: StepClock) -> StopRequest:
        """Train until `until` steps are done in all, or a signal asks to stop; saves, where it does, before returning.

        Args:
            on_metrics: called with every step's metrics, in order, on CUDA a few steps late.

        Raises:
            DivergenceError: the loss or a weight is not finite. The last good checkpoint stays.
        """
        readings = MetricsQueue()
        with _stop_on_signal() as stop:
            while self.step < until and stop.signal is None:
                for batch in clock.waiting(self.loader):
                    metrics = self.train_step(batch)
                    clock.tick()
                    if metrics is None:
                        continue
                    readings.push(self.step, metrics)
                    self._deliver(readings.arrived(), on_metrics)
                    if self._save_is_due():
                        self._deliver(readings.all(), on_metrics)
                        self.save()
                        clock.pause()
                    if self.step >= until or stop.signal is not None:
                        break
            self._deliver(readings.all(), on_metrics)
            if self.checkpoints is not None and self._saved_step != self.step:
                self.save()
        return stop

    def train_step(self, batch: Batch) -> dict[str, Tensor] | None:
        """One optimiser step; returns device scalars, among them "loss", without waiting for them.

        None where fp16 did not hold the gradients: the scaler then takes a smaller scale, and the step does not count.

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
        """Show the stage the images it wants to see before the first step; the loader is put back to its start.

        They are the last of the first epoch: in an epoch's first steps MoCo's queue must not hold the very keys that
        come as positives.
        """
        batches = min(-(-self.stage.warm_up_images // self.loader.batch_size), len(self.loader))
        if batches == 0:
            return
        start = self.loader.state_dict()
        self.loader.load_state_dict({**start, "iteration": len(self.loader) - batches})
        for batch in self.loader:
            with self.runtime.autocast():
                self.stage.warm_up(batch)
        self.loader.load_state_dict(start)

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            DivergenceError: a tensor to be saved is not finite. ValueError: the engine was made without checkpoints.
        """
        policy = self._policy()
        tensors = {"stage": self.stage.state_dict(), "random": random_states(self.runtime.device)}
        tensors["optimizer"], scalars = flatten_optimizer(self.optimizer, self._step.order)
        self._check_weights(tensors["stage"])
        state = {
            "identity": dict(policy.identity),
            "loader": self.loader.state_dict(),
            "scaler": self._step.scaler.state_dict(),
            "optimizer": scalars,
        }
        save_checkpoint(policy.folder, Checkpoint(self.step, tensors, state))
        self._saved_step, self._saved_time = self.step, time.monotonic()

    def resume(self, notify: Callable[[str], None]) -> None:
        """Load the newest sound checkpoint.

        Raises:
            CheckpointError: there is none, or it was made for another model or another identity.
            ValueError: the engine was made without checkpoints.
        """
        policy = self._policy()
        folder = policy.folder
        checkpoint = load_newest(folder, notify)
        stored = checkpoint.state["identity"]
        for name, value in policy.identity.items():
            if stored.get(name) != value:
                raise CheckpointError(f"{folder}: not the same {name} as this run was started with; resume with that")
        restore_module(self.stage, checkpoint.tensors["stage"], str(folder))
        moments = checkpoint.tensors.get("optimizer", {})
        restore_optimizer(self.optimizer, self._step.order, moments, checkpoint.state["optimizer"])
        if checkpoint.state["scaler"]:  # a run that began in bf16 has none; fp16 then starts from the first scale
            self._step.scaler.load_state_dict(checkpoint.state["scaler"])
        self.loader.load_state_dict(checkpoint.state["loader"])
        restore_random_states(checkpoint.tensors["random"], self.runtime.device)
        self.step = self._saved_step = checkpoint.step

    def _deliver(self, readings: Iterator[StepMetrics], on_metrics: Callable[[StepMetrics], None]) -> None:
        for reading in readings:
            on_metrics(reading)
            loss = reading.values["loss"]
            if not math.isfinite(loss):
                raise DivergenceError(f"the loss became {loss} at step {reading.step}; {self._way_back()}")

    def _check_weights(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise DivergenceError(f"{name} is not finite after step {self.step}; {self._way_back()}")

    def _policy(self) -> CheckpointPolicy:
        if self.checkpoints is None:
            raise ValueError("this engine was made without checkpoints")
        return self.checkpoints

    def _way_back(self) -> str:
        if self.checkpoints is None:
            return "start again with a lower --lr or --no-amp"
        kept = f"the checkpoint of step {self._saved_step} is kept" if self._saved_step >= 0 else "nothing was saved"
        return f"{kept} in {self.checkpoints.folder}; start again with a lower --lr or --no-amp"

    def _save_is_due(self) -> bool:
        if self.checkpoints is None:
            return False
        if self.checkpoints.every_steps is not None:
            return self.step % self.checkpoints.every_steps == 0
        return time.monotonic() - self._saved_time >= CHECKPOINT_SECONDS


@contextmanager
def _stop_on_signal() -> Iterator[StopRequest]:
    """Turn SIGTERM and the first SIGINT into a request; a second SIGINT interrupts at once."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread may handle signals
        return

    def handle(number: int, _frame: object) -> None:
        if request.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = signal.Signals(number).name

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
