"""`fastssl train` of one stage: from settings to a trained encoder in a run folder.

Covers: the way of a run from its folder to its last line. Does not cover: data and device (`inputs.py`), putting stage,
loader and engine together (`build.py`), its steps (`fit.py`), a time budget (`pace.py`), sequences of stages
(`fastssl.recipes`).
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from fastssl.config.command_line import command_line
from fastssl.config.train import TrainConfig
from fastssl.console import say
from fastssl.data import Source
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.runtime import ResolvedSetting, Runtime
from fastssl.threads import use_threads
from fastssl.training.boards import check_boards
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.claim import claim
from fastssl.training.compilation import compile_errors
from fastssl.training.conclusion import how_timm_builds, next_command, what_was_learnt
from fastssl.training.fit import TrainResult, fit
from fastssl.training.initial_weights import initial_weights
from fastssl.training.inputs import open_data, open_runtime
from fastssl.training.messages import conclude, introduce, processes
from fastssl.training.own_folder import owned
from fastssl.training.pace import minutes_hold, with_steps
from fastssl.training.resolve import with_length
from fastssl.training.run_folder import CHECKPOINTS, check_place, folder_of
from fastssl.training.stored_settings import settings_to_resume
from fastssl.training.timed_steps import Clock


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
    with owned(folder, lambda: check_place(folder, config)):
        return _train_in(folder, _settings(config, folder), console, prepared, began, clock)


def _train_in(
    folder: Path, config: TrainConfig, console: Console, prepared: Prepared | None, began: float, clock: Clock
) -> TrainResult:
    """Train in a folder that is this call's own."""
    command = "" if prepared is not None else command_line("train", config)
    given = None if config.resume else prepared  # a run that goes on has the threads and the runtime that it began with
    with use_threads(config.threads_to_use) if given is None else nullcontext():
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
        result = _train(run, config, folder, console, weights, command)
        if world().leads and result.finished and result.stopped_by is None:
            lines = [*what_was_learnt(run, folder), *how_timm_builds(run)]
            say(console, *lines, *([] if prepared is not None else [next_command(run, folder)]))
        return result


def _settings(config: TrainConfig, folder: Path) -> TrainConfig:
    """The settings asked for; those of the run to resume if there is one."""
    if not config.resume:
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
        say(console, f"measuring the pace, to know how many steps {minutes_hold(config.minutes)}")
        with compile_errors("give --no-compile") if runtime.compile else nullcontext():
            timed, measured = with_steps(config, source, runtime, began, clock)
        reason += measured
    run = build_run(timed, source, runtime)
    reasons = tuple(
        replace(setting, reason=reason + setting.reason) if setting.name == "length" else setting
        for setting in run.reasons
    )
    return config, replace(run, reasons=reasons)


def _train(
    run: TrainingRun, config: TrainConfig, folder: Path, console: Console, weights: str, command: str
) -> TrainResult:
    """Open the run, claim its folder or go on in it, and train; weights: the line about those it starts from."""
    settings, source = run.settings, run.source
    boards = check_boards(settings.log)
    policy = CheckpointPolicy(
        folder=folder / CHECKPOINTS,
        every_steps=settings.checkpoint_every,
        keep=settings.keep,
        identity={"images": source.image_fingerprint},
        former_identity={"data": source.fingerprint},
    )
    with run.open(policy) as engine:
        executor = ResolvedSetting(name="pipeline", value=engine.loader.executor, reason=engine.loader.reason)
        reasons = (*run.runtime.reasons, *processes(settings.batch_size), executor, *run.reasons)
        introduce(console, run, folder, reasons)
        say(console, *filter(None, (weights, engine.loader.shuffling, *run.messages())))
        if config.resume:
            engine.resume(lambda line: say(console, line))
            if world().leads:
                source.report.write(folder)
            say(console, f"resumed at step {engine.step}")
        else:
            claim(run, engine, folder, reasons, minutes=config.minutes, command=command)
        result = fit(run, engine, folder, console, config.stop_after, boards)
        conclude(console, result, result.stopped_by)
        return result
