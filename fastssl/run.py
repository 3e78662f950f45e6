"""`fastssl train`: from settings to a trained encoder in a run folder.

Covers: putting source, loader, stage and engine together. Does not cover: what any of them does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from fastssl.acceleration import Acceleration, Choice, accelerate, avoid_small_bf16
from fastssl.assembly import Parts, assemble
from fastssl.config import TrainConfig
from fastssl.data import Source, open_source
from fastssl.engine import CheckpointPolicy, Engine
from fastssl.errors import ConfigError
from fastssl.metrics_log import MetricsLog
from fastssl.models.encoder import EncoderSpec, save_encoder
from fastssl.pipelines import Loader
from fastssl.plans import PLANS, Plan, filled
from fastssl.progress import StepClock, TrainingProgress
from fastssl.random_state import seeded
from fastssl.readings import Reading
from fastssl.run_folder import CHECKPOINTS, ENCODER, check_free, claimed, folder_of, settings_to_resume
from fastssl.schedule import CosineSchedule


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    step: how many are done in all; steps_run: in this invocation. loss: of the last step. images_per_second, data_wait:
    means over this invocation without its first step; data_wait is the share of the time spent waiting for batches.
    finished: False if the run was stopped and can be resumed.
    """

    folder: Path
    encoder: Path
    step: int
    steps_run: int
    total_steps: int
    loss: float
    images_per_second: float
    data_wait: float
    seconds: float

    @property
    def finished(self) -> bool:
        """Whether every step of the schedule was done."""
        return self.step >= self.total_steps


def train_stage(config: TrainConfig, console: Console) -> TrainResult:
    """Train one stage.

    Raises:
        ConfigError, DataError, CheckpointError: nothing was written. DivergenceError: the last checkpoint is kept.
    """
    folder = folder_of(config)
    if config.resume:
        config = settings_to_resume(folder, config)
        if config.recipe is not None:
            raise ConfigError([f"out={str(folder)!r}: holds a recipe; go on with --recipe {config.recipe} --resume"])
    else:
        check_free(folder, overwrite=config.overwrite)
    acceleration = accelerate(config.device, config.amp, config.compile)
    source = open_source(
        config.data,
        root=config.data_root,
        size=config.size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )
    acceleration = avoid_small_bf16(acceleration, config.size or min(source.image_shape[:2]))
    plan = PLANS[config.stage]
    started_from = ""
    if not config.resume:
        init, started_from = plan.start(config, folder)
        config = config.model_copy(update={"init": init})
    parts = assemble(config, plan, source, acceleration)
    resolved = parts.resolved
    with seeded(config.seed, acceleration.device), _loader(parts, plan, source, acceleration) as loader:
        choices = (
            *acceleration.choices,
            Choice("pipeline", loader.executor, loader.reason),
            *resolved.choices,
        )
        engine = _engine(parts, plan, source, loader, acceleration, folder)
        _introduce(console, resolved.config, source, choices, folder)
        for line in filter(None, (started_from, *plan.notices(resolved.config, parts.facts), *parts.stage.notes())):
            console.print(escape(line), soft_wrap=True)
        if config.resume:
            engine.resume(lambda line: console.print(escape(line), soft_wrap=True))
            console.print(f"resumed at step {engine.step}")
        else:
            concrete = {
                "device": str(acceleration.device),
                "amp": acceleration.amp_dtype is not None,
                "compile": acceleration.compile,
                "pipeline": loader.executor,
                "out": folder,
            }
            with claimed(folder, resolved.config.model_copy(update=concrete), resolved.epochs, choices):
                engine.warm_up()
                engine.save()
        return _fit(engine, resolved.config, folder, parts.spec, console)


def _loader(parts: Parts, plan: Plan, source: Source, acceleration: Acceleration) -> Loader:
    config = parts.resolved.config
    return Loader(
        source.splits["train"].images,
        plan.view(config, parts.facts),
        batch_size=config.batch_size,
        device=acceleration.device,
        executor=config.pipeline,
        seed=config.seed,
        dtype=acceleration.compute_dtype,
        prefetch=acceleration.prefetch,
    )


def _engine(
    parts: Parts, plan: Plan, source: Source, loader: Loader, acceleration: Acceleration, folder: Path
) -> Engine:
    config = parts.resolved.config
    return Engine(
        parts.stage,
        loader,
        acceleration,
        plan.optimizer(config),
        CosineSchedule(filled(config.lr), filled(config.steps)),
        CheckpointPolicy(folder / CHECKPOINTS, config.checkpoint_every, {"data": source.fingerprint}),
    )


def _introduce(
    console: Console, config: TrainConfig, source: Source, choices: tuple[Choice, ...], folder: Path
) -> None:
    height, width, channels = source.image_shape
    images = len(source.splits["train"])
    console.print(
        f"[bold]{config.stage}[/bold] on {escape(source.name)}: {images} images {height}x{width}x{channels}, "
        f"{config.encoder}, into {escape(str(folder))}",
        soft_wrap=True,
    )
    for choice in choices:
        console.print(f"  {choice.name:<12} {choice.value:<11} [dim]{escape(choice.reason)}[/dim]", soft_wrap=True)


def _fit(engine: Engine, config: TrainConfig, folder: Path, spec: EncoderSpec, console: Console) -> TrainResult:
    total = engine.schedule.total_steps
    began = engine.step
    until = total if config.stop_after is None else min(total, engine.step + config.stop_after)
    clock = StepClock(config.batch_size)
    last = {"loss": float("nan")}
    progress = TrainingProgress(
        console,
        name=config.stage,
        total=total,
        done=engine.step,
        steps_per_epoch=len(engine.loader),
        chance=engine.stage.chance_loss,
    )
    with progress, MetricsLog(folder, engine.step) as log:

        def on_reading(reading: Reading) -> None:
            last.update(reading.values)
            log.write(reading.step, {**reading.values, "lr": engine.schedule.lr(reading.step - 1)})
            progress.update(reading.step, reading.values["loss"], clock, reading.values)

        stop = engine.fit(until, on_reading, clock)
    encoder = folder / ENCODER
    save_encoder(encoder, engine.stage.encoder, spec)
    for name, module in engine.stage.exports().items():
        save_encoder(folder / f"{name}.safetensors", module, spec)
    result = TrainResult(
        folder,
        encoder,
        engine.step,
        engine.step - began,
        total,
        last["loss"],
        clock.mean_images_per_second,
        clock.mean_data_wait,
        clock.seconds,
    )
    _conclude(console, result, stop.signal)
    return result


def _conclude(console: Console, result: TrainResult, signal: str | None) -> None:
    speed = f"{result.images_per_second:,.0f} images/s, data-wait {result.data_wait:.1%}"
    if result.finished:
        console.print(
            f"done: {result.total_steps} steps, {speed}; encoder in {escape(str(result.encoder))}", soft_wrap=True
        )
        return
    why = f"{signal}: " if signal else ""
    console.print(
        f"{why}stopped and saved at step {result.step} of {result.total_steps} ({speed}); go on with --resume",
        soft_wrap=True,
    )
