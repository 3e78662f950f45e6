"""`fastssl train` of one stage: from settings to a trained encoder in a run folder.

Covers: the way of a run from its folder to its last line. Does not cover: putting stage, loader and engine together
(`build.py`), a time budget (`pace.py`), sequences of stages (`fastssl.recipes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape

from fastssl.config.train import TrainConfig
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError
from fastssl.models.encoder_file import save_encoder
from fastssl.runtime import ResolvedSetting, Runtime, resolve_runtime
from fastssl.threads import use_threads
from fastssl.training import pace
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.conclusion import next_command, what_was_learnt
from fastssl.training.engine import CheckpointPolicy, Engine
from fastssl.training.initial_weights import initial_weights
from fastssl.training.metrics_log import MetricsLog
from fastssl.training.progress import StepClock, TrainingProgress
from fastssl.training.resolve import with_length
from fastssl.training.run_folder import CHECKPOINTS, ENCODER, check_free, claimed, folder_of, settings_to_resume
from fastssl.training.step_metrics import StepMetrics


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """The figures of a run that ended or was stopped.

    Args:
        folder: of the run.
        encoder: the file of the trained encoder.
        step: how many steps are done in all.
        steps_run: how many of them in this invocation.
        total_steps: of the schedule.
        loss: of the last step.
        images_per_second: mean over this invocation without its first step.
        data_wait: share of that time spent waiting for batches.
        seconds: that these means are taken over.
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
        """Whether every step of the schedule was done; if not, the run can be resumed."""
        return self.step >= self.total_steps


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a recipe gives to each of its stages.

    Args:
        source: the data, opened once.
        runtime: of stages that begin; one that goes on has the runtime that it began with.
        run: the stage, with the weights that it starts from; None where its length has to be measured first.
    """

    source: Source
    runtime: Runtime
    run: TrainingRun | None


def train_stage(config: TrainConfig, console: Console, *, prepared: Prepared | None = None) -> TrainResult:
    """Train one stage.

    Args:
        config: what was asked for.
        console: where progress goes.
        prepared: by the recipe that the stage belongs to, which says itself what comes next.

    Raises:
        ConfigError, DataError, CheckpointError: nothing was written. DivergenceError: the last checkpoint is kept.
    """
    began = pace.now()
    folder = folder_of(config)
    config = _settings(config, folder)
    own = prepared is None or config.resume
    with use_threads(config.threads) if own else nullcontext():
        runtime = open_runtime(config) if own else prepared.runtime
        source = open_data(config, console) if prepared is None else prepared.source
        told = ""
        if config.resume:
            run = build_run(config, source, runtime, init=False)
        elif prepared is not None and prepared.run is not None:
            run, told = prepared.run, initial_weights(config, folder)[1]
        else:
            config, run, told = _begin(config, folder, source, runtime, console, began)
        result = _train(run, config, folder, console, told)
        if result.finished:
            lines = what_was_learnt(run, folder)
            _say(console, lines if prepared is not None else [*lines, next_command(run, folder)])
        return result


def open_data(config: TrainConfig, console: Console) -> Source:
    """Open the images that `config` names, with a line to `console` whenever there is something to tell.

    Raises:
        DataError: they cannot be opened.
    """
    return open_source(
        config.data,
        root=config.data_root,
        size=config.size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )


def open_runtime(config: TrainConfig) -> Runtime:
    """Resolve device, precision, compilation and threads.

    Raises:
        ConfigError: the device is not there.
    """
    return resolve_runtime(config.device, config.amp, config.compile, config.precision, config.threads)


def _settings(config: TrainConfig, folder: Path) -> TrainConfig:
    """The settings asked for, once their folder is found free; those of the run to resume if there is one."""
    if not config.resume:
        check_free(folder, overwrite=config.overwrite)
        return config
    config = settings_to_resume(folder, config)
    if config.recipe is not None:
        raise ConfigError([f"out={str(folder)!r}: holds a recipe; go on with --recipe {config.recipe} --resume"])
    return config


def _begin(
    config: TrainConfig, folder: Path, source: Source, runtime: Runtime, console: Console, began: float
) -> tuple[TrainConfig, TrainingRun, str]:
    """A new run, the configuration with its length, and what it starts from."""
    init, told = initial_weights(config, folder)
    config, reason = with_length(config.model_copy(update={"init": init}))
    timed = config
    if config.minutes is not None:
        console.print(f"measuring the pace, to know how many steps {config.minutes:g} minutes hold")
        timed, measured = pace.with_steps(config, source, runtime, began)
        reason += measured
    run = build_run(timed, source, runtime)
    choices = tuple(
        replace(choice, reason=reason + choice.reason) if choice.name == "length" else choice for choice in run.choices
    )
    return config, replace(run, choices=choices), told


def _train(run: TrainingRun, config: TrainConfig, folder: Path, console: Console, told: str) -> TrainResult:
    identity = {"data": run.source.fingerprint}
    with run.open(CheckpointPolicy(folder / CHECKPOINTS, run.settings.checkpoint_every, identity)) as engine:
        executor = ResolvedSetting("pipeline", engine.loader.executor, engine.loader.reason)
        choices = (*run.runtime.choices, executor, *run.choices)
        _introduce(console, run, folder, choices)
        _say(console, filter(None, (told, *run.messages())))
        if config.resume:
            engine.resume(lambda line: _say(console, [line]))
            console.print(f"resumed at step {engine.step}")
        else:
            _claim(run, engine, config, folder, choices)
        result, signal = _fit(run, engine, folder, console, config.stop_after)
        _conclude(console, result, signal)
        return result


def _claim(
    run: TrainingRun, engine: Engine, config: TrainConfig, folder: Path, choices: tuple[ResolvedSetting, ...]
) -> None:
    """Take the folder, and write into it what the run cannot be resumed without."""
    device, settings = run.runtime.device, run.settings
    concrete = {
        "device": str(device),
        "amp": run.runtime.amp_dtype is not None if settings.amp is None else settings.amp,
        "precision": run.runtime.precision,
        # Rounding depends on their number, so a resumed run has as many.
        "threads": torch.get_num_threads() if device.type == "cpu" else settings.threads,
        "compile": run.runtime.compile,
        "pipeline": engine.loader.executor,
        "out": folder,
    }
    epochs, rest = divmod(settings.steps, len(engine.loader))
    length = {"epochs": None if rest else epochs, "minutes": config.minutes}
    with claimed(folder, settings.model_copy(update=concrete), choices, length):
        engine.warm_up()
        engine.save()


def _introduce(console: Console, run: TrainingRun, folder: Path, choices: Iterable[ResolvedSetting]) -> None:
    height, width, channels = run.source.image_shape
    console.print(
        f"[bold]{run.settings.stage}[/bold] on {escape(run.source.name)}: {run.info.images} images "
        f"{height}x{width}x{channels}, {run.settings.encoder}, into {escape(str(folder))}",
        soft_wrap=True,
    )
    for choice in choices:
        console.print(f"  {choice.name:<12} {choice.value:<11} [dim]{escape(choice.reason)}[/dim]", soft_wrap=True)


def _fit(
    run: TrainingRun, engine: Engine, folder: Path, console: Console, stop_after: int | None
) -> tuple[TrainResult, str | None]:
    """Train to the end or to a stop, and export; also the name of the signal that stopped it."""
    total = engine.schedule.total_steps
    began = engine.step
    until = total if stop_after is None else min(total, engine.step + stop_after)
    clock = StepClock(run.settings.batch_size)
    last = {"loss": float("nan")}
    progress = TrainingProgress(
        console,
        name=run.settings.stage,
        total=total,
        done=engine.step,
        steps_per_epoch=len(engine.loader),
        chance=engine.stage.chance_loss,
    )
    with progress, MetricsLog(folder, engine.step) as log:

        def on_metrics(measured: StepMetrics) -> None:
            last.update(measured.values)
            log.write(measured.step, {**measured.values, "lr": engine.schedule.lr(measured.step - 1)})
            progress.update(measured.step, measured.values["loss"], clock, measured.values)

        stop = engine.fit(until, on_metrics, clock)
    encoder = folder / ENCODER
    save_encoder(encoder, engine.stage.encoder, run.spec)
    for name, module in engine.stage.exports().items():
        save_encoder(folder / f"{name}.safetensors", module, run.spec)
    result = TrainResult(
        folder=folder,
        encoder=encoder,
        step=engine.step,
        steps_run=engine.step - began,
        total_steps=total,
        loss=last["loss"],
        images_per_second=clock.mean_images_per_second,
        data_wait=clock.mean_data_wait,
        seconds=clock.seconds,
    )
    return result, stop.signal


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


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)
