"""The estimate of a training: of one stage, or of a recipe's stages in turn.

Covers: opening data and device as training does, the stages, the largest batch of each. Prints no result and writes
nothing to the run's folder. Does not cover: measuring a stage (`measure.py`), lines for a person (`report.py`), the
evaluation that ends a recipe.
"""

from __future__ import annotations

import time
from dataclasses import replace

from rich.console import Console

from fastssl.config.train import TrainConfig
from fastssl.console import say
from fastssl.data import Source
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.memory import free_memory, reset_peak, resident_memory
from fastssl.models.encoder import EncoderSpec
from fastssl.recipes.evaluations import RECIPES
from fastssl.recipes.stage_configs import stage_configs, with_recipe_length
from fastssl.runtime import Runtime
from fastssl.threads import use_threads
from fastssl.training.initial_weights import initial_weights
from fastssl.training.inputs import open_data, open_runtime
from fastssl.training.resolve import with_length
from fastssl.training.run_folder import folder_of
from fastssl.training.timed_steps import Clock

from .gpu_batches import largest_on_gpu
from .host_batches import largest_on_host
from .measure import measure_stage
from .peak_process import peak_of
from .result import Estimate, LargestBatch, StageEstimate


def estimate_training(
    config: TrainConfig, console: Console, *, largest_batch: bool = True, clock: Clock = time.monotonic
) -> Estimate:
    """Estimate what a training takes, by about 20 real steps of each stage.

    Of several processes all call it, and get the figures of rank 0 where they differ.

    Args:
        config: as `fastssl.train` takes it.
        console: gets a line for whatever there is to tell of the data, and for what is done meanwhile.
        largest_batch: also find the largest batch that fits, which takes as long again.
        clock: what steps are timed by.

    Returns:
        The estimate.

    Raises:
        ConfigError: a setting that cannot be used, `resume`, or a recipe that is no sequence of stages.
        DataError: images that cannot be used.
        CheckpointError: weights to start from that cannot be read.
        OSError: there is no room for a checkpoint in the system's temporary folder.
    """
    if config.resume:
        raise ConfigError(["resume: what is estimated is a run from its beginning; leave it out"])
    if config.recipe is not None and config.recipe not in RECIPES:
        why = "its methods are given equal times, as --minutes says; estimate one of them with --stage or --recipe mtcp"
        raise ConfigError([f"recipe={config.recipe}: {why}"])
    folder = folder_of(config)
    before, free = resident_memory(), free_memory()
    reset_peak()
    began = clock()
    with use_threads(config.threads_to_use):
        runtime = open_runtime(config)
        source = open_data(config, console, folder)
        opening = clock() - began
        stages = _stages(config, console)
        memory = None if free is None else free + (before or 0)  # what this process has a new one would have, too
        made = _estimates(stages, source, runtime, console, opening, before, memory, largest_batch, clock)
    return Estimate(
        data=source.name,
        images=len(source.splits["train"]),
        recipe=config.recipe,
        folder=folder,
        processes=world().size,
        opening_seconds=opening,
        stages=tuple(made),
    )


def _stages(config: TrainConfig, console: Console) -> tuple[TrainConfig, ...]:
    """The configuration of every stage, with its length and the weights that it starts from."""
    folder = folder_of(config)
    if config.recipe is not None:
        config, line = with_recipe_length(config, RECIPES[config.recipe])
        say(console, *filter(None, (line,)))
        return stage_configs(config, folder)
    init, line = initial_weights(config, folder)
    say(console, *filter(None, (line,)))
    return (with_length(config)[0].model_copy(update={"init": init}),)


def _estimates(
    stages: tuple[TrainConfig, ...],
    source: Source,
    runtime: Runtime,
    console: Console,
    opening: float,
    before: int | None,
    memory: int | None,
    largest_batch: bool,
    clock: Clock,
) -> list[StageEstimate]:
    made: list[StageEstimate] = []
    follows: EncoderSpec | None = None
    for stage in stages:
        spent = opening if len(stages) == 1 else 0.0  # a recipe opens the data before the first stage's time begins
        say(console, f"{stage.stage}: measuring some steps")
        one, spec = measure_stage(stage, source, runtime, spent=spent, follows=follows, before=before, clock=clock)
        if largest_batch:
            say(console, f"{stage.stage}: looking for the largest batch (--no-largest-batch leaves it out)")
            found = _largest(stage, source, runtime, one, follows, memory)
            one = replace(one, largest_batch=found)
        made.append(one)
        follows = spec
        reset_peak()
    return made


def _largest(
    stage: TrainConfig,
    source: Source,
    runtime: Runtime,
    one: StageEstimate,
    follows: EncoderSpec | None,
    memory: int | None,
) -> LargestBatch:
    if world().size > 1:
        why = "not looked for in several processes; one process finds what one GPU holds"
        return LargestBatch(images=None, limit=None, method=None, reason=why)
    if runtime.device.type == "cuda":
        return largest_on_gpu(stage, source, runtime, follows)
    if runtime.device.type == "mps":
        return LargestBatch(images=None, limit=None, method=None, reason="not looked for on Apple GPUs, not yet run")
    return largest_on_host(
        stage,
        images=len(source.splits["train"]),
        memory=None if memory is None else memory - one.memory.snapshot,
        step_seconds=one.speed.step_seconds,
        peak_of=lambda config: peak_of(config, follows),
    )
