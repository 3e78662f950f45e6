"""`fastssl train`: from settings to a trained encoder in a run folder.

Covers: the way of a run from its folder to its last line. Does not cover: putting stage, loader and engine together
(`training_run.py`), nor what any of them does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape

from fastssl.config import TrainConfig
from fastssl.data import open_source
from fastssl.errors import ConfigError
from fastssl.models.encoder import save_encoder
from fastssl.pipelines import PretextTasks
from fastssl.runtime import ResolvedSetting, resolve_runtime
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.registry import PLANS
from fastssl.threads import use_threads
from fastssl.training import pace
from fastssl.training.build import Ground, TrainingRun, build_run, with_steps
from fastssl.training.conclusion import next_command, what_was_learnt
from fastssl.training.metrics_log import MetricsLog
from fastssl.training.progress import StepClock, TrainingProgress
from fastssl.training.resolve import with_length
from fastssl.training.run_folder import ENCODER, check_free, claimed, folder_of, settings_to_resume
from fastssl.training.step_metrics import StepMetrics


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


def train_stage(config: TrainConfig, console: Console, *, in_recipe: bool = False) -> TrainResult:
    """Train one stage.

    Args:
        in_recipe: what comes next is the recipe's to say.

    Raises:
        ConfigError, DataError, CheckpointError: nothing was written. DivergenceError: the last checkpoint is kept.
    """
    began = pace.now()
    folder = folder_of(config)
    config = _settings(config, folder)
    with use_threads(config.threads):
        return _train(config, _ground(config, folder, console), console, began, in_recipe=in_recipe)


def _train(config: TrainConfig, ground: Ground, console: Console, began: float, *, in_recipe: bool) -> TrainResult:
    started_from = length = ""
    if not config.resume:
        init, started_from = ground.plan.start(config, ground.folder)
        config, length = with_length(config.model_copy(update={"init": init}))
        if config.minutes is not None:
            console.print(f"measuring the pace, to know how many steps {config.minutes:g} minutes hold")
            config, measured = with_steps(config, ground, began)
            length += measured
    with build_run(config, ground) as run:
        choices = (
            *ground.runtime.choices,
            ResolvedSetting("pipeline", run.loader.executor, run.loader.reason),
            *(replace(c, reason=length + c.reason) if c.name == "length" else c for c in run.parts.resolved.choices),
        )
        _introduce(console, run.config, ground, choices)
        notices = ground.plan.notices(run.config, run.parts.facts)
        for line in filter(None, (started_from, *notices, *run.parts.stage.notes())):
            console.print(escape(line), soft_wrap=True)
        if config.resume:
            run.engine.resume(lambda line: console.print(escape(line), soft_wrap=True))
            console.print(f"resumed at step {run.engine.step}")
        else:
            _claim(run, ground, choices)
        result, signal = _fit(run, ground, console)
        _conclude(console, result, signal)
        for line in _last_lines(run, ground, in_recipe=in_recipe) if result.finished else ():
            console.print(escape(line), highlight=False, soft_wrap=True)
        return result


def _settings(config: TrainConfig, folder: Path) -> TrainConfig:
    """The settings asked for, once their folder is found free; those of the run to resume if there is one."""
    if not config.resume:
        check_free(folder, overwrite=config.overwrite)
        return config
    config = settings_to_resume(folder, config)
    if config.recipe is not None:
        raise ConfigError([f"out={str(folder)!r}: holds a recipe; go on with --recipe {config.recipe} --resume"])
    return config


def _ground(config: TrainConfig, folder: Path, console: Console) -> Ground:
    """The device and the data that the settings name."""
    runtime = resolve_runtime(config.device, config.amp, config.compile, config.precision, config.threads)
    source = open_source(
        config.data,
        root=config.data_root,
        size=config.size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )
    return Ground(folder, PLANS[config.stage], source, runtime)


def _claim(run: TrainingRun, ground: Ground, choices: tuple[ResolvedSetting, ...]) -> None:
    """Take the folder, and write into it what the run cannot be resumed without."""
    concrete = {
        "device": str(ground.runtime.device),
        "amp": ground.runtime.amp_dtype is not None if run.config.amp is None else run.config.amp,
        "precision": ground.runtime.precision,
        # Rounding depends on their number, so a resumed run has as many.
        "threads": torch.get_num_threads() if ground.runtime.device.type == "cpu" else run.config.threads,
        "compile": ground.runtime.compile,
        "pipeline": run.loader.executor,
        "out": ground.folder,
    }
    settings = run.config.model_copy(update=concrete)
    with claimed(ground.folder, settings, run.parts.resolved.epochs, choices):
        run.engine.warm_up()
        run.engine.save()


def _introduce(console: Console, config: TrainConfig, ground: Ground, choices: tuple[ResolvedSetting, ...]) -> None:
    height, width, channels = ground.source.image_shape
    images = len(ground.source.splits["train"])
    console.print(
        f"[bold]{config.stage}[/bold] on {escape(ground.source.name)}: {images} images {height}x{width}x{channels}, "
        f"{config.encoder}, into {escape(str(ground.folder))}",
        soft_wrap=True,
    )
    for choice in choices:
        console.print(f"  {choice.name:<12} {choice.value:<11} [dim]{escape(choice.reason)}[/dim]", soft_wrap=True)


def _fit(run: TrainingRun, ground: Ground, console: Console) -> tuple[TrainResult, str | None]:
    """Train to the end or to a stop, and export; also the name of the signal that stopped it."""
    engine, config, folder, spec = run.engine, run.config, ground.folder, run.parts.spec
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

        def on_metrics(reading: StepMetrics) -> None:
            last.update(reading.values)
            log.write(reading.step, {**reading.values, "lr": engine.schedule.lr(reading.step - 1)})
            progress.update(reading.step, reading.values["loss"], clock, reading.values)

        stop = engine.fit(until, on_metrics, clock)
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
    return result, stop.signal


def _last_lines(run: TrainingRun, ground: Ground, *, in_recipe: bool) -> Iterator[str]:
    if isinstance(run.engine.stage, Pretext) and isinstance(run.view, PretextTasks):
        yield from what_was_learnt(
            run.engine.stage, run.view, ground.source, ground.runtime, ground.folder, run.config.batch_size
        )
    if not in_recipe:
        labelled = ground.source.splits["train"].labels is not None
        yield next_command(run.config.stage, ground.folder, labelled=labelled)


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
