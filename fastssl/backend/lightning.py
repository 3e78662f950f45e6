"""A stage as a LightningModule: trained by Lightning's Trainer with its precision, callbacks, loggers and strategies.

Covers: any stage under automatic optimisation; moving averages and queue at their places in a step, also where
Lightning accumulates gradients; the stage's optimiser with its warm-up and cosine over the Trainer's own length;
export. Does not cover: batches (`lightning_data.py`), processes (Lightning's strategies start them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fastssl.backend.lightning_data import TrainerLoader, lightning
from fastssl.backend.lightning_schedule import StepRate, trainer_steps
from fastssl.backend.run import Images, open_run
from fastssl.backend.warm_up import warm_up_batches
from fastssl.distributed.collectives import average_metrics
from fastssl.errors import ConfigError
from fastssl.models.encoder_file import save_encoder
from fastssl.models.spec_text import TrainedSteps
from fastssl.models.synced_norm import sync_batch_norm
from fastssl.pipelines.placement import APPLE
from fastssl.runtime import lay_out_on, resolve_runtime
from fastssl.stages.stage import Batch, Stage
from fastssl.stages.stage_defaults import MakeOptimizer
from fastssl.training.build import TrainingRun
from fastssl.training.random_state import random_states, restore_random_states
from fastssl.training.run_folder import ENCODER

_RANDOM = "fastssl.random"
_OF_TRAINER = {
    "device": "accelerator=",
    "precision": "precision=",
    "amp": "precision=",
    "accumulate": "accumulate_grad_batches=",
    "compress_gradients": "strategy=DDPStrategy(ddp_comm_hook=...)",
    "compile": "the module as torch.compile(module)",
}
"""Settings of `fastssl train` that Lightning has itself -> what to give its Trainer."""


class StageModule(lightning.LightningModule):
    """A stage that Lightning trains.

    It logs "loss" (the mean of an epoch as "loss_epoch") and, in steps that Lightning logs, the stage's metrics. Its
    state dict is the stage's, so Lightning's checkpoints hold queue and moving average. The learning rate warms up and
    falls along a cosine to the end of `max_steps` or `max_epochs`.

    Args:
        stage: a run of `open_run`; the name of a stage, with images and settings; or any `Stage`, with an optimiser.
        images: of a stage by name, as `open_run` takes them.
        optimizer: makes an optimiser from the trained parameters; None: the run's own.
        schedule: the learning rate of a step, by how many were done before it; None: the run's own, over the length of
            the Trainer; where `optimizer` is given, the rate that it has.
        **settings: of a stage by name, as `open_run` takes them.

    Raises:
        ConfigError: a setting is unknown, does not fit the images, or is Lightning's own; a `Stage` has no optimiser.
        DataError: images that cannot be used.
    """

    run: TrainingRun | None
    """What the stage was made by: settings, view, images; None for a `Stage` that was given."""

    def __init__(
        self,
        stage: str | TrainingRun | Stage,
        images: Images | None = None,
        *,
        optimizer: MakeOptimizer | None = None,
        schedule: Callable[[int], float] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if isinstance(stage, str):
            stage = _opened(stage, images, settings)
        elif images is not None or settings:
            raise ConfigError(
                ["StageModule: images and settings go with the name of a stage, not with a run or a stage"]
            )
        self.run = stage if isinstance(stage, TrainingRun) else None
        self.stage = stage.stage if isinstance(stage, TrainingRun) else stage
        if self.run is not None:
            usual = {"accumulate": 1, "compress_gradients": False}
            _refuse([name for name, value in usual.items() if getattr(self.run.settings, name) != value])
        made = self.run.optimizer if self.run is not None and optimizer is None else optimizer
        if made is None:
            raise ConfigError(["StageModule: give a Stage together with optimizer=, a function of its parameters"])
        self._make_optimizer, self._rate, self._has_own_rate = made, schedule, optimizer is None
        self._carries: list[dict[str, Tensor]] = []
        self._random: dict[str, Tensor] = {}
        lay_out_on(torch.device("cpu"), self.stage).train()

    def setup(self, stage: str) -> None:
        """Make batch norms span processes, where the run's `sync_bn` says so.

        Args:
            stage: of the Trainer, as "fit".
        """
        if self.run is not None and self.run.settings.sync_bn:
            sync_batch_norm(self.stage)

    def configure_optimizers(self) -> Any:
        """Make the optimiser and, by the step, its schedule.

        Returns:
            What Lightning takes.
        """
        if self.trainer.world_size == 1 and self.device.type != APPLE:
            self.stage.lay_out()
        optimizer = self._make_optimizer(list(self.stage.trained_parameters()))
        if self.trainer.gradient_clip_val and hasattr(optimizer, "_step_supports_amp_scaling"):
            optimizer._step_supports_amp_scaling = False  # Lightning cannot clip what a fused optimiser unscales itself
        rate = self._rate or self._own_rate()
        if rate is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": StepRate(optimizer, rate), "interval": "step"}}

    def on_fit_start(self) -> None:
        """Show the run's settings to the loggers."""
        if self.run is not None:
            for logger in self.trainer.loggers:
                logger.log_hyperparams(self.run.settings.model_dump(mode="json"))

    def on_train_start(self) -> None:
        """Show the stage what it wants to see before its first step, as MoCo to fill its queue."""
        if self._random and self.trainer.world_size == 1:
            restore_random_states(self._random, self.device)
        self._random, self._carries = {}, []
        if self.trainer.global_step:
            return
        loader: Any = self.trainer.train_dataloader
        batches = loader.loader if isinstance(loader, TrainerLoader) else loader
        for batch in warm_up_batches(batches, self.stage.warm_up_images):
            moved = self.trainer.strategy.batch_to_device(batch)
            with self.trainer.precision_plugin.forward_context():
                self.stage.warm_up(self._placed(moved))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of a batch, after the updates that precede a step.

        Args:
            batch: tensors `[B, ...]` by name, as the stage takes them; images `[B, C, H, W]`.
            batch_idx: number in the epoch.

        Returns:
            The loss.
        """
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        self.stage.measuring = every > 0 and (self.trainer.global_step + 1) % every == 0
        if not self._carries:  # the first of the batches whose gradients make one step
            self.stage.before_step()
        output = self.stage.loss(self._placed(batch))
        self._carries.append(output.carry)
        metrics = average_metrics({"loss": output.loss.detach(), **output.metrics})
        size = len(next(iter(batch.values())))
        self.log("loss", metrics.pop("loss"), prog_bar=True, on_step=True, on_epoch=True, batch_size=size)
        self.log_dict(metrics, on_step=True, batch_size=size)
        return output.loss

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Do the updates that follow the loss (MoCo: the queue takes the keys).

        Args:
            optimizer: of the step.
        """
        for carry in self._carries:
            self.stage.after_step(carry)
        self._carries = []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the states of the random generators, which Lightning does not keep.

        Args:
            checkpoint: Lightning's.
        """
        checkpoint[_RANDOM] = random_states(self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the states of the random generators; they are set where training goes on.

        Args:
            checkpoint: Lightning's.
        """
        self._random = checkpoint.get(_RANDOM, {})

    def export(self, path: str | Path) -> Path:
        """Write the encoder as `fastssl train` does, for timm, `fastssl probe` and `fastssl.load_encoder`.

        Args:
            path: of the `.safetensors` file, or a folder, made where it is not there, for `encoder.safetensors`.

        Returns:
            The file.

        Raises:
            ConfigError: the stage is not of a run, so that it is not known how its encoder was built.
            OSError: it cannot be written.
        """
        if self.run is None:
            raise ConfigError(["export: how a given Stage's encoder was built is not known; save its state_dict()"])
        file = Path(path) if Path(path).suffix == ".safetensors" else Path(path) / ENCODER
        file.parent.mkdir(parents=True, exist_ok=True)
        steps = None
        if self._trainer is not None and self.trainer.global_step:
            done = self.trainer.global_step
            steps = TrainedSteps(step=done, total_steps=max(done, trainer_steps(self.trainer, self.run) or 0))
        save_encoder(file, self.stage.encoder, self.run.spec, steps)
        return file

    def _placed(self, batch: Batch) -> dict[str, Tensor]:
        """Images channels-last, but on an Apple GPU; no copy of what is so already."""
        order = torch.contiguous_format if self.device.type == APPLE else torch.channels_last
        return {
            name: tensor.contiguous(memory_format=order) if tensor.ndim == 4 else tensor
            for name, tensor in batch.items()
        }

    def _own_rate(self) -> Callable[[int], float] | None:
        if self.run is None or not self._has_own_rate:
            return None
        schedule, total = self.run.schedule, trainer_steps(self.trainer, self.run)
        if total is None:
            return schedule.lr
        return replace(schedule, total_steps=total, warm_up_steps=min(schedule.warm_up_steps, total - 1)).lr


def _opened(stage: str, images: Images | None, settings: dict[str, Any]) -> TrainingRun:
    """Open a run in fp32 on whatever device there is: precision and compilation are Lightning's."""
    if images is None:
        raise ConfigError([f"StageModule: give images with {stage!r}, an array or what --data takes"])
    _refuse([name for name in _OF_TRAINER if name in settings])
    return open_run(images, stage=stage, runtime=resolve_runtime("auto", False, False), **settings)


def _refuse(names: list[str]) -> None:
    if names:
        raise ConfigError([f"{name}: Lightning's own, give Trainer {_OF_TRAINER[name]}" for name in names])
