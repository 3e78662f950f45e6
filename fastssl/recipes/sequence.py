"""A recipe that is a sequence: its stages one after the other in one folder, then its evaluation.

Covers: every stage resumable, and going on where it stopped. Does not cover: a stage (`fastssl.training.train`), what
is asked of each (`stage_configs.py`), how a recipe ends (`ending.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from fastssl.config.command_line import command_line
from fastssl.config.data import FULL_RANGE
from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.console import say
from fastssl.data import Source
from fastssl.distributed.leader import by_leader, everyone_here
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec
from fastssl.recipes.ending import end, minutes_text
from fastssl.recipes.evaluations import RECIPES
from fastssl.recipes.recipe import Recipe, RecipeResult, RecipeRun
from fastssl.recipes.stage_configs import stage_configs, with_recipe_length
from fastssl.threads import use_threads
from fastssl.training.build import build_run
from fastssl.training.fit import TrainResult
from fastssl.training.inputs import open_data, open_runtime
from fastssl.training.own_folder import owned
from fastssl.training.run_folder import check_place, claim_recipe, folder_of, holds_run, release_recipe
from fastssl.training.stored_settings import CONFIG, read_settings, settings_to_resume, stored_config
from fastssl.training.timed_steps import Clock
from fastssl.training.train import Prepared, train_stage


def train_recipe(
    config: TrainConfig,
    console: Console,
    *,
    recipes: Mapping[str, Recipe] = RECIPES,
    clock: Clock = time.monotonic,
    source: Source | None = None,
) -> RecipeResult:
    """Train the stages of a recipe in turn, and evaluate them.

    Args:
        config: what was asked for; its `recipe` is given.
        console: where progress goes.
        recipes: by name.
        clock: what a budget of minutes is measured by.
        source: the data, where they are open already, and told about.

    Returns:
        The results of the stages that ran.

    Raises:
        ConfigError: a setting that cannot be used; nothing was written.
        DataError: images that cannot be used; nothing was written.
        CheckpointError: no recipe to resume, or weights that cannot be read.
        DivergenceError: the loss or a weight is not finite; the last checkpoint is kept.
    """
    folder = folder_of(config)
    with owned(folder, lambda: check_place(folder, config)):
        return _train_in(folder, config, recipes[str(config.recipe)], console, clock, source)


def _train_in(
    folder: Path, config: TrainConfig, recipe: Recipe, console: Console, clock: Clock, source: Source | None
) -> RecipeResult:
    """Train a recipe in a folder that is this call's own."""
    command = command_line("train", config)
    if config.resume:
        config = settings_to_resume(folder, config)
    else:
        config, line = with_recipe_length(config, recipe)
        say(console, *filter(None, (line,)))
    recipe_run = RecipeRun(config=config, folder=folder, stages=stage_configs(config, folder))
    with use_threads(config.threads_to_use):
        source = open_data(config, console, folder) if source is None else source
        prepared = _prepare(recipe_run, source)
        if world().leads:
            if not config.resume:
                asked = config.model_copy(update={"value_range": source.value_range or FULL_RANGE})
                claim_recipe(folder, asked, command)
            source.report.write(folder)
        everyone_here()  # before any stage begins: what has begun is seen alike
        results = _train_stages(recipe_run, recipe, prepared, console, clock)
    finished = len(results) == len(recipe_run.stages) and results[-1].finished
    result = RecipeResult(folder=folder, stages=tuple(results), finished=finished, evaluated=False)
    if not finished or result.stopped_by is not None:
        return result
    return end(recipe_run, recipe, result, console, source)


def _train_stages(
    recipe_run: RecipeRun, recipe: Recipe, prepared: list[Prepared], console: Console, clock: Clock
) -> list[TrainResult]:
    """Train one stage after the other, until one is stopped."""
    results: list[TrainResult] = []
    steps_left = recipe_run.config.stop_after
    for number, stage in enumerate(recipe_run.stages, start=1):
        if steps_left == 0:
            break
        heading = f"{number}/{recipe.parts(recipe_run)} {stage.stage}"
        console.rule(heading, align="left")
        began = time.monotonic()
        begun = _has_begun(recipe_run.folder / stage.stage)
        own = prepared.pop(0)  # its stage takes memory while it is trained, and not after
        if own.run is not None and results and not begun:
            own.run.load_encoder(results[-1].folder)
        going_on = {"resume": begun, "stop_after": steps_left, "recipe": None if begun else stage.recipe}
        results.append(_train_stage(stage.model_copy(update=going_on), recipe_run, console, own, clock))
        if not results[-1].finished or results[-1].stopped_by is not None:
            break
        steps_left = None if steps_left is None else steps_left - results[-1].steps_run
        say(console, f"{heading}: {minutes_text(time.monotonic() - began)}")
    return results


def _has_begun(folder: Path) -> bool:
    """Whether a stage has begun, as the process of rank 0 sees it, which is about to begin it."""
    return by_leader(lambda: holds_run(folder))


def _train_stage(
    stage: TrainConfig, recipe_run: RecipeRun, console: Console, prepared: Prepared, clock: Clock
) -> TrainResult:
    """Train one stage; where it cannot begin, leave no recipe behind."""
    try:
        return train_stage(stage, console, prepared=prepared, clock=clock)
    except ConfigError as error:
        if world().leads:
            release_recipe(recipe_run.folder)
        if recipe_run.config.minutes is None:
            raise
        share = (
            f"{stage.stage} in --recipe {recipe_run.config.recipe}, whose --minutes are divided evenly among its stages"
        )
        raise ConfigError([f"{share}: {problem}" for problem in error.problems]) from None


def _prepare(recipe_run: RecipeRun, source: Source) -> list[Prepared]:
    """Build every stage, so that what the last one cannot do is said before the first one trains.

    With --minutes a stage is built for this alone: its settings depend on the steps, which are measured in its turn. A
    stage that goes on was checked when it began, and is built in its turn from its own settings.
    """
    config = recipe_run.config
    runtime = open_runtime(config)
    prepared: list[Prepared] = []
    before: EncoderSpec | None = None
    for stage, folder in zip(recipe_run.stages, recipe_run.runs, strict=True):
        begun = stored_config(read_settings(folder)) if config.resume and (folder / CONFIG).is_file() else None
        if isinstance(begun, TrainingSettings):
            run = None
            before = EncoderSpec(
                name=begun.encoder,
                in_channels=source.image_shape[2],
                size=begun.size,
                stem=begun.stem,
                value_range=source.value_range,
            )
        else:
            run = build_run(stage, source, runtime, follows=before)
            before = run.spec
        prepared.append(Prepared(source=source, runtime=runtime, run=run if config.minutes is None else None))
    return prepared
