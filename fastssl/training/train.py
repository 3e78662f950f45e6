"""`fastssl train` of one stage: from settings to a trained encoder in a run folder.

Covers: the way of a run from its folder to its last line. Does not cover: putting stage, loader and engine together
(`build.py`), its steps (`fit.py`), a time budget (`pace.py`), sequences of stages (`fastssl.recipes`).
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from fastssl.config.train import TrainConfig
from fastssl.console import say
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError
from fastssl.pipelines import Loader
from fastssl.runtime import ResolvedSetting, Runtime, resolve_runtime
from fastssl.threads import use_threads
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.checkpoint import CheckpointPolicy
from fastssl.training.conclusion import next_command, what_was_learnt
from fastssl.training.engine import Engine
from fastssl.training.fit import TrainResult, fit
from fastssl.training.initial_weights import initial_weights
from fastssl.training.messages import conclude, introduce
from fastssl.training.pace import Clock, with_steps
from fastssl.training.resolve import with_length
from fastssl.training.run_data import place_of_data
from fastssl.training.run_folder import CHECKPOINTS, check_free, claimed, folder_of
from fastssl.training.stored_settings import settings_to_resume


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


def train_stage(
    config: TrainConfig, console: Console, *, prepared: Prepared | None = None, clock: Clock = time.monotonic
) -> TrainResult:
    """Train one stage.

    Args:
        config: what was asked for.
        console: where progress goes.
        prepared: by the recipe that the stage belongs to, which says itself what comes next.
        clock: what a budget of minutes is measured by.

    Returns:
        The figures of the run.

    Raises:
        ConfigError: a setting that cannot be used; nothing was written.
        DataError: images that cannot be used; nothing was written.
        CheckpointError: no run to resume, or weights that cannot be read; nothing was written.
        DivergenceError: the loss or a weight is not finite; the last checkpoint is kept.
    """
    began = clock()
    folder = folder_of(config)
    config = _settings(config, folder)
    given = None if config.resume else prepared  # a run that goes on has the threads and the runtime that it began with
    with use_threads(config.threads) if given is None else nullcontext():
        runtime = open_runtime(config) if given is None else given.runtime
        source = open_data(config, console, folder) if prepared is None else prepared.source
        weights = ""
        if config.resume:
            run = build_run(config, source, runtime, init=False)
        elif given is not None and given.run is not None:
            run, weights = given.run, initial_weights(config, folder)[1]
        else:
            config, weights = _with_initial_weights(config, folder)
            config, run = _begin(config, source, runtime, console, began, clock)
        result = _train(run, config, folder, console, weights)
        if result.finished:
            lines = what_was_learnt(run, folder)
            say(console, *lines, *([] if prepared is not None else [next_command(run, folder)]))
        return result


def open_data(config: TrainConfig, console: Console, folder: Path) -> Source:
    """Open the images that a configuration names, where they are now, and tell what was read.

    Args:
        config: what was asked for, or the settings of a run that goes on.
        console: gets a line whenever there is something to tell.
        folder: of the run.

    Returns:
        The data.

    Raises:
        DataError: they cannot be opened.
    """
    data, root = (
        place_of_data(folder, config.data, config.data_root) if config.resume else (config.data, config.data_root)
    )
    source = open_source(
        data,
        root=root,
        size=config.size,
        skip_corrupt=config.skip_corrupt,
        value_range=config.value_range,
        max_megapixels=config.max_megapixels,
        notify=lambda line: say(console, line),
    )
    if not config.quiet:
        say(console, *source.report.lines())
    return source


def open_runtime(config: TrainConfig) -> Runtime:
    """Resolve device, precision, compilation and threads.

    Args:
        config: what was asked for.

    Returns:
        The runtime.

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


def _with_initial_weights(config: TrainConfig, folder: Path) -> tuple[TrainConfig, str]:
    init, line = initial_weights(config, folder)
    return config.model_copy(update={"init": init}), line


def _begin(
    config: TrainConfig, source: Source, runtime: Runtime, console: Console, began: float, clock: Clock
) -> tuple[TrainConfig, TrainingRun]:
    """The configuration with its length, and a new run of so many steps."""
    config, reason = with_length(config)
    timed = config
    if config.minutes is not None:
        say(console, f"measuring the pace, to know how many steps {config.minutes:g} minutes hold")
        timed, measured = with_steps(config, source, runtime, began, clock)
        reason += measured
    run = build_run(timed, source, runtime)
    reasons = tuple(
        replace(setting, reason=reason + setting.reason) if setting.name == "length" else setting
        for setting in run.reasons
    )
    return config, replace(run, reasons=reasons)


def _train(run: TrainingRun, config: TrainConfig, folder: Path, console: Console, weights: str) -> TrainResult:
    """Open the run, claim its folder or go on in it, and train; weights: the line about those it starts from."""
    checkpoints = CheckpointPolicy(
        folder=folder / CHECKPOINTS,
        every_steps=run.settings.checkpoint_every,
        identity={"data": run.source.fingerprint},
    )
    with run.open(checkpoints) as engine:
        executor = ResolvedSetting(name="pipeline", value=engine.loader.executor, reason=engine.loader.reason)
        reasons = (*run.runtime.reasons, executor, *run.reasons)
        introduce(console, run, folder, reasons)
        say(console, *filter(None, (weights, *run.messages())))
        if config.resume:
            engine.resume(lambda line: say(console, line))
            run.source.report.write(folder)
            say(console, f"resumed at step {engine.step}")
        else:
            _claim(run, engine, config, folder, reasons)
        result, signal = fit(run, engine, folder, console, config.stop_after)
        conclude(console, result, signal)
        return result


def _claim(
    run: TrainingRun, engine: Engine[Loader], config: TrainConfig, folder: Path, reasons: tuple[ResolvedSetting, ...]
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
    with claimed(folder, settings.model_copy(update=concrete), reasons, length):
        run.source.report.write(folder)
        engine.warm_up()
        engine.save()
