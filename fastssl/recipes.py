"""Recipes: named sequences of stages, each starting from the encoder before it, and the evaluation that ends them.

Covers: running a sequence in one folder, with every stage resumable, and going on where it stopped.
Does not cover: a stage (`run.py`), nor an evaluation (`evaluation/`, `finetuning/`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from fastssl.config import TrainConfig, build, coerce_config, settings_of, stage_of
from fastssl.config.train import RECIPE_STAGES
from fastssl.data import open_source
from fastssl.errors import ConfigError
from fastssl.files import write_atomically
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import PLANS
from fastssl.training.assembly import assemble
from fastssl.training.resolve import with_length
from fastssl.training.run_folder import (
    CONFIG,
    ENCODER,
    check_free,
    claim_recipe,
    folder_of,
    release_recipe,
    settings_to_resume,
)
from fastssl.training.train import TrainResult, train_stage

LABEL_FRACTIONS = (1.0, 0.1, 0.01)
"""On which TOWER's encoder is fine-tuned, as its label-efficiency curve has them."""

Evaluate = Callable[["RecipeRun", Console], None]


@dataclass(frozen=True)
class RecipeRun:
    """A recipe as asked for. folder: holds one run folder a stage, named after it, and `report/`."""

    config: TrainConfig
    folder: Path
    stages: tuple[TrainConfig, ...]

    @property
    def runs(self) -> list[Path]:
        """The stages' run folders, in order."""
        return [self.folder / config.stage for config in self.stages]


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe came to.

    stages: results of those that ran. finished: every stage was trained to its end. evaluated: and then evaluated.
    """

    folder: Path
    stages: tuple[TrainResult, ...]
    finished: bool
    evaluated: bool


@dataclass(frozen=True)
class Recipe:
    """stages: in order. evaluation: what is done with the trained runs, and the words for it."""

    stages: tuple[str, ...]
    evaluation: Evaluate
    evaluation_name: str


def train(
    config: TrainConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> TrainResult | RecipeResult:
    """Pre-train an encoder; `settings` are the fields of `TrainConfig`, in place of `config`.

    Returns once all steps are done, or `stop_after` of them, or after SIGTERM or Ctrl-C, with everything saved.

    Raises:
        ConfigError, DataError, CheckpointError: nothing was written. DivergenceError: the last checkpoint is kept.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(TrainConfig, config, settings)
    console = console or Console()
    return train_stage(config, console) if config.recipe is None else _train_recipe(config, console)


def _train_recipe(config: TrainConfig, console: Console) -> RecipeResult:
    recipe = RECIPES[str(config.recipe)]
    folder = folder_of(config)
    if config.resume:
        config = settings_to_resume(folder, config)
    else:
        check_free(folder, overwrite=config.overwrite)
        config = _with_length(config, recipe, console)
    run = RecipeRun(config, folder, _stage_configs(config, recipe, folder))
    labelled = _check(run, console)
    if not config.resume:
        claim_recipe(folder, config)
    results: list[TrainResult] = []
    parts = len(recipe.stages) + 1
    steps_left = config.stop_after
    for number, stage in enumerate(run.stages, start=1):
        if steps_left == 0:
            return RecipeResult(folder, tuple(results), finished=False, evaluated=False)
        console.rule(f"{number}/{parts} {stage.stage}", align="left")
        began = time.monotonic()
        begun = (folder / stage.stage / CONFIG).is_file()
        going_on = {"resume": begun, "stop_after": steps_left, "recipe": None if begun else stage.recipe}
        results.append(_train_stage(stage.model_copy(update=going_on), config, folder, console))
        if not results[-1].finished:
            return RecipeResult(folder, tuple(results), finished=False, evaluated=False)
        steps_left = None if steps_left is None else steps_left - results[-1].steps_run
        console.print(f"{number}/{parts} {stage.stage}: {_minutes(time.monotonic() - began)}")
    write_atomically(folder / ENCODER, (run.runs[-1] / ENCODER).read_bytes())
    console.rule(f"{parts}/{parts} {recipe.evaluation_name}", align="left")
    if not labelled:
        console.print(f"{config.data} has no labels: nothing to evaluate with", markup=False, soft_wrap=True)
        return RecipeResult(folder, tuple(results), finished=True, evaluated=False)
    began = time.monotonic()
    recipe.evaluation(run, console)
    console.print(f"{parts}/{parts} {recipe.evaluation_name}: {_minutes(time.monotonic() - began)}")
    return RecipeResult(folder, tuple(results), finished=True, evaluated=True)


def _train_stage(stage: TrainConfig, recipe: TrainConfig, folder: Path, console: Console) -> TrainResult:
    try:
        return train_stage(stage, console, in_recipe=True)
    except ConfigError as error:
        release_recipe(folder)
        if recipe.minutes is None:
            raise
        share = f"{stage.stage} in --recipe {recipe.recipe}, whose --minutes are divided evenly among its stages"
        raise ConfigError([f"{share}: {problem}" for problem in error.problems]) from None


def _check(run: RecipeRun, console: Console) -> bool:
    """Put every stage together once, so that what the last one cannot do is said before the first one trains.

    Returns whether the data have labels.
    """
    config = run.config
    runtime = resolve_runtime(config.device, config.amp, config.compile, config.precision)
    source = open_source(
        config.data,
        root=config.data_root,
        size=config.size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )
    for stage in run.stages:
        plan = PLANS[stage.stage]
        parts = assemble(stage.model_copy(update={"init": config.init}), plan, source, runtime)
        plan.view(parts.resolved.config, parts.facts)
    return source.splits["train"].labels is not None


def _with_length(config: TrainConfig, recipe: Recipe, console: Console) -> TrainConfig:
    """`config` with a budget where the data are the demo's and no length is given; says how a budget is divided."""
    each, _ = with_length(config)
    if each.minutes is None:
        return config
    minutes = config.minutes or each.minutes * len(recipe.stages)
    given = f"--minutes {minutes:g}" if config.minutes else f"demo data: --minutes {minutes:g} unless a length is given"
    share = f"{minutes / len(recipe.stages):g} minutes for each of {', '.join(recipe.stages)}"
    console.print(f"{given}: {share}; the evaluation is not counted", soft_wrap=True)
    return config.model_copy(update={"minutes": minutes})


def _stage_configs(config: TrainConfig, recipe: Recipe, folder: Path) -> tuple[TrainConfig, ...]:
    """The configuration of each stage: what was asked for, as far as the stage reads it.

    Each also names the recipe, by which a stage's automatic values may differ from what they are on their own.
    """
    asked = {name: getattr(config, name) for name in config.model_fields_set - {"recipe", "stage", "overwrite"}}
    foreign = sorted(name for name in asked if stage_of(name) not in (None, *recipe.stages))
    if foreign:
        raise ConfigError(
            [f"{name} is a setting of --stage {stage_of(name)}, not of --recipe {config.recipe}" for name in foreign]
        )
    asked["data"] = config.data
    if config.minutes is not None:
        asked["minutes"] = config.minutes / len(recipe.stages)
    configs = []
    for place, stage in enumerate(recipe.stages):
        own = {name: value for name, value in asked.items() if name in settings_of(stage)}
        if place > 0:  # only the first starts from --init; the others from the stage before
            own["init"] = folder / recipe.stages[place - 1]
        alone = build(TrainConfig, {**own, "stage": stage, "out": folder / stage, "resume": False})
        configs.append(alone.model_copy(update={"recipe": config.recipe}))
    return tuple(configs)


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"


def _few_shot(run: RecipeRun, console: Console) -> None:
    from fastssl.evaluation.fewshot.run import fewshot

    fewshot(run.runs, console=console, out=run.folder, **_data(run))


def _fine_tune(run: RecipeRun, console: Console) -> None:
    from fastssl.evaluation.finetune import finetune

    settings = {**_data(run), **_imagenet(console)}
    finetune(run.runs, console=console, out=run.folder, label_fraction=LABEL_FRACTIONS, **settings)


def _frozen(run: RecipeRun, console: Console) -> None:
    from fastssl.evaluation.finetune import finetune

    finetune(run.runs, console=console, out=run.folder, frozen=True, **_data(run), **_imagenet(console))


def _data(run: RecipeRun) -> dict[str, Any]:
    """The settings that evaluations share with training; data, root and size they read from the run."""
    names = {"device", "amp", "precision", "seed", "skip_corrupt"} & run.config.model_fields_set
    return {name: getattr(run.config, name) for name in names}


def _imagenet(console: Console) -> dict[str, Any]:
    """The ImageNet encoder to compare with, where its weights are at hand."""
    from fastssl.models.imagenet import LITE0, MISSING, is_at_hand

    if is_at_hand(LITE0):
        return {"imagenet": LITE0}
    console.print(MISSING, markup=False, soft_wrap=True)
    return {}


RECIPES: dict[str, Recipe] = {
    "mtcp": Recipe(RECIPE_STAGES["mtcp"], _few_shot, "few-shot"),
    "tower": Recipe(RECIPE_STAGES["tower"], _fine_tune, "fine-tuning"),
    "vae": Recipe(RECIPE_STAGES["vae"], _frozen, "frozen classifier"),
}
"""Recipe name -> its stages and evaluation. mtcp: "Multi-Task Continued Pre-training" (MeDA Challenge 2025).
tower: TOWER (Neural Networks 167, 2023). vae: a frozen VAE encoder beside an ImageNet one."""
