"""The one entry to training: one stage, or a recipe.

Covers: what is asked for, the processes that do it. Does not cover: a stage (`fastssl.training.train`), recipes
(`sequence.py`, `aligned`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from fastssl.config.aligned import AlignedConfig
from fastssl.config.train import TrainConfig
from fastssl.console import new_console, silent_console
from fastssl.distributed.environment import launched
from fastssl.distributed.join import joined
from fastssl.recipes.recipe import RecipeResult
from fastssl.recipes.sequence import train_recipe
from fastssl.runtime import usual_torch_state
from fastssl.stages.registry import coerce_train_config
from fastssl.training.fit import TrainResult
from fastssl.training.train import train_stage

if TYPE_CHECKING:
    from fastssl.recipes.aligned import AlignedResult


@usual_torch_state()
def train(
    config: TrainConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> TrainResult | RecipeResult | AlignedResult:
    """Pre-train an encoder by one stage or by a recipe.

    Returns once all steps are done, or `stop_after` of them, or after SIGTERM or Ctrl-C, with everything saved.

    Args:
        config: what to train, a stage's own configuration; or give its fields as keywords.
        console: where progress goes; standard output by default.
        **settings: `stage` or `recipe`, and their settings, as `fastssl train --help` lists them.

    Returns:
        Of one stage a `TrainResult`, of a recipe a `RecipeResult`, of the recipe aligned an `AlignedResult`.

    Raises:
        ConfigError: a setting that cannot be used; nothing was written.
        DataError: images that cannot be used; nothing was written.
        CheckpointError: no run to resume, or weights that cannot be read; nothing was written.
        DivergenceError: the loss or a weight is not finite; the last checkpoint is kept.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_train_config(config, settings)
    if config.gpus > 1 and launched() is None:
        return _on_gpus(config)
    with joined(config.device, config.peer_timeout) as here:
        console = (console or new_console()) if here.leads else silent_console()
        if isinstance(config, AlignedConfig):
            from fastssl.recipes.aligned import train_aligned  # it imports all evaluations

            return train_aligned(config, console)
        return train_stage(config, console) if config.recipe is None else train_recipe(config, console)


def _on_gpus(config: TrainConfig) -> TrainResult | RecipeResult | AlignedResult:
    """Train in a process for each GPU."""
    from fastssl.distributed.launch import check_gpus, start

    check_gpus(config.gpus, config.device)
    result: TrainResult | RecipeResult | AlignedResult = start(
        config.gpus, _train_settings, config.model_dump(exclude_unset=True)
    )
    return result


def _train_settings(settings: dict[str, Any]) -> TrainResult | RecipeResult | AlignedResult:
    """What each process does; the class of a configuration, which is made as it is needed, cannot be sent to it."""
    return train(**settings)
