"""One stage, built as training builds it, and measured by real steps.

Covers: speed, peak memory, files, and the time that follows from them. Does not cover: the largest batch
(`host_batches.py`, `gpu_batches.py`), several stages (`estimate.py`).
"""

from __future__ import annotations

import gc
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from fastssl.config.train import TrainConfig
from fastssl.data import Source
from fastssl.distributed.leader import by_leader
from fastssl.memory import peak_memory
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import Loader
from fastssl.runtime import ResolvedSetting, Runtime
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.compilation import compile_errors
from fastssl.training.engine import Engine
from fastssl.training.messages import processes
from fastssl.training.pace import LEAST_TIMED, SHARE, minutes_hold, pace_of, steps_within, watching_share
from fastssl.training.timed_steps import Clock, StepTimes, step_kinds, time_steps

from .disk import measure_disk
from .result import DiskUse, PeakMemory, Speed, StageEstimate

STEPS = 20
"""That are timed."""
MOST_STEPS = 60
"""That are timed while some kind of step has not come yet."""
MOST_SECONDS = 120.0
"""Of timed steps, once there are as many as a budget of minutes takes at least."""
WAITING = 0.1
"""Share of the time from which steps count as held up by a loader that works ahead of them."""
LOADER_BATCHES = 20
"""That are made to time the loader alone."""


def measure_stage(
    config: TrainConfig,
    source: Source,
    runtime: Runtime,
    *,
    spent: float,
    follows: EncoderSpec | None = None,
    before: int | None = None,
    clock: Clock = time.monotonic,
) -> tuple[StageEstimate, EncoderSpec]:
    """Build a stage, do some steps, and compute what the whole run would take. Nothing is written to its folder.

    Args:
        config: of the stage.
        source: the data.
        runtime: device, precision, compilation.
        spent: seconds of a budget of minutes that were gone when the stage began.
        follows: the encoder whose weights it starts from, where `config.init` is not there yet.
        before: bytes of memory that the process had before the data were opened.
        clock: what the steps are timed by.

    Returns:
        The estimate, without a largest batch, and what the encoder was built as.

    Raises:
        ConfigError: settings that do not fit the data, a budget that holds next to no steps, or a step that cannot be
            compiled.
        CheckpointError: the weights that it starts from cannot be read.
        OSError: there is no room for a checkpoint in the temporary folder.
    """
    began = clock()
    if runtime.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(runtime.device)
    run = build_run(config, source, runtime, follows=follows)
    with (
        tempfile.TemporaryDirectory(prefix="fastssl-estimate-") as folder,
        run.open(CheckpointPolicy(folder=Path(folder))) as engine,
        compile_errors("give --no-compile") if runtime.compile else nullcontext(),
    ):
        times = time_steps(engine, step_kinds(run, len(engine.loader)), _enough, began, clock)
        memory = _peaks(runtime.device, before)
        ahead = runtime.prefetch > 0
        speed = speed_of(times, run.settings.batch_size, _loader_seconds(engine, times, clock), ahead=ahead)
        steps, setup = _length(config, run, times, spent)
        disk = measure_disk(run, engine, Path(folder), steps, speed.step_seconds)
        made = _estimate(config, run, engine, speed, memory, disk, steps, setup)
    spec = run.spec
    del run, engine
    release(runtime.device)
    return made, spec


def speed_of(times: StepTimes, batch_size: int, loader_seconds: float, *, ahead: bool) -> Speed:
    """Turn times of steps into a speed.

    Args:
        times: of the steps.
        batch_size: images per step, of all processes.
        loader_seconds: of one batch of the loader alone.
        ahead: batches are made while steps go on, so that a step that has to wait is one that the loader holds up.

    Returns:
        The speed.
    """
    median, slow, fast = (batch_size / times.quantile(level) for level in (0.5, 0.75, 0.25))
    return Speed(
        images_per_second=median,
        slow=slow,
        fast=fast,
        step_seconds=times.mean(),
        timed=times.count,
        data_wait=times.data_wait,
        loader_images_per_second=batch_size / loader_seconds,
        limit="loader" if times.data_wait > (WAITING if ahead else 0.5) else "step",
    )


def release(device: torch.device) -> None:
    """Give back the memory of a run that is thrown away, whose compiled step and engine refer to each other.

    Args:
        device: of the run.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _estimate(
    config: TrainConfig,
    run: TrainingRun,
    engine: Engine[Loader],
    speed: Speed,
    memory: PeakMemory,
    disk: DiskUse,
    steps: int,
    setup: float,
) -> StageEstimate:
    settings, runtime = run.settings, run.runtime
    executor = ResolvedSetting(name="pipeline", value=engine.loader.executor, reason=engine.loader.reason)
    saving = disk.checkpoints * disk.checkpoint_seconds
    trained, share = steps * speed.step_seconds, watching_share(config)
    watching = share / (1 - share) * (trained + saving)
    return StageEstimate(
        stage=settings.stage,
        encoder=settings.encoder,
        batch_size=settings.batch_size,
        steps=steps,
        steps_per_epoch=len(engine.loader),
        speed=speed,
        setup_seconds=setup,
        checkpoint_seconds=saving,
        monitor_seconds=watching,
        seconds=setup + trained + saving + watching,
        memory=replace(memory, snapshot=disk.checkpoint),
        disk=disk,
        largest_batch=None,
        reasons=(
            *runtime.reasons,
            *processes(settings.batch_size),
            executor,
            *(_with_length(setting, config, steps) for setting in run.reasons),
        ),
    )


def _with_length(setting: ResolvedSetting, config: TrainConfig, steps: int) -> ResolvedSetting:
    """The length of a budget of minutes, which the run was built without."""
    if setting.name != "length" or config.minutes is None:
        return setting
    reason = f"what {minutes_hold(config.minutes)} at this speed"
    return ResolvedSetting(name="length", value=f"{steps} steps", reason=reason)


def _enough(times: StepTimes) -> bool:
    if times.count >= LEAST_TIMED and times.seconds >= MOST_SECONDS:
        return True
    return times.count >= STEPS and (times.complete or times.count >= MOST_STEPS)


def _length(config: TrainConfig, run: TrainingRun, times: StepTimes, spent: float) -> tuple[int, float]:
    """Steps of the whole run, and the seconds before they go at their speed; with minutes as a training finds them."""
    mean = times.mean()
    setup = times.setup + times.preparation
    if config.minutes is None:
        return run.settings.steps, setup
    minutes, pace = float(config.minutes), pace_of(times)
    measuring = len(times.untimed) * mean + max(SHARE * 60 * minutes, LEAST_TIMED * mean)
    steps = by_leader(lambda: steps_within(minutes, spent + setup + measuring, pace, watching_share(config)))
    return steps, setup + measuring + pace.setup


def _loader_seconds(engine: Engine[Loader], times: StepTimes, clock: Clock) -> float:
    """Of one batch without steps. Where no thread makes batches ahead, a step's wait is just that."""
    if engine.runtime.prefetch == 0:
        return max(times.data_wait * times.mean(), 1e-9)
    device, batches = engine.runtime.device, iter(engine.loader)
    for _ in range(engine.runtime.prefetch + 1):  # made ahead while steps went on
        next(batches, None)
    _wait_for(device)
    begin, made = clock(), 0
    while made < LOADER_BATCHES:
        for _ in engine.loader:
            made += 1
            if made == LOADER_BATCHES:
                break
    _wait_for(device)
    return max((clock() - begin) / made, 1e-9)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peaks(device: torch.device, before: int | None) -> PeakMemory:
    on_cuda = device.type == "cuda"
    return PeakMemory(
        host=peak_memory(),
        before=before,
        snapshot=0,
        device=torch.cuda.max_memory_allocated(device) if on_cuda else None,
        reserved=torch.cuda.max_memory_reserved(device) if on_cuda else None,
    )
