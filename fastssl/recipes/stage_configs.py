"""What a recipe asks of each of its stages.

Covers: the configuration of every stage, and how a length is divided among them. Does not cover: training them
(`sequence.py`), which stages a recipe has (`fastssl.stages.registry`).
"""

from __future__ import annotations

from pathlib import Path

from fastssl.config.train import TrainConfig
from fastssl.recipes.recipe import Recipe
from fastssl.stages.registry import RECIPE_STAGES, config_class, train_config
from fastssl.training.resolve import with_length


def with_recipe_length(config: TrainConfig, recipe: Recipe) -> tuple[TrainConfig, str]:
    """Give a recipe a budget where the data are the demo's and no length is given.

    Args:
        config: of the whole recipe.
        recipe: which one it is.

    Returns:
        The configuration, and a line on how the budget is divided; "" where there is no budget.
    """
    each = config if recipe.own_length else with_length(config)[0]
    if each.minutes is None:
        return config, ""
    stages = RECIPE_STAGES[str(config.recipe)]
    minutes = config.minutes or each.minutes * len(stages)
    given = f"--minutes {minutes:g}" if config.minutes else f"demo data: --minutes {minutes:g} unless a length is given"
    share = f"{minutes / len(stages):g} minutes for each of {', '.join(stages)}"
    not_counted = "; the evaluation is not counted" if recipe.evaluate else ""
    return config.model_copy(update={"minutes": minutes}), f"{given}: {share}{not_counted}"


def stage_configs(config: TrainConfig, folder: Path) -> tuple[TrainConfig, ...]:
    """Make the configuration of each stage: what was asked for, as far as the stage has it.

    Each also names the recipe, by which a stage's automatic values may differ from what they are on their own.

    Args:
        config: of the whole recipe, with its length.
        folder: of the recipe.

    Returns:
        One for each stage, in order.
    """
    stages = RECIPE_STAGES[str(config.recipe)]
    asked = {name: getattr(config, name) for name in config.model_fields_set - {"recipe", "stage", "overwrite"}}
    asked["data"] = config.data
    if config.minutes is not None:
        asked["minutes"] = config.minutes / len(stages)
    configs = []
    for place, stage in enumerate(stages):
        own = {name: value for name, value in asked.items() if name in config_class(stage).model_fields}
        if place > 0:  # only the first starts from --init; the others from the stage before
            own["init"] = folder / stages[place - 1]
        alone = train_config({**own, "stage": stage, "out": folder / stage, "resume": False})
        configs.append(alone.model_copy(update={"recipe": config.recipe}))
    return tuple(configs)
