"""The stages and recipes by name: a new stage is a folder next to this file, and a line in `STAGES`.

Covers: finding a stage's settings, its defaults, and the class of a configuration for a stage or a recipe, also of
stages that other packages bring. Does not cover: any stage, looking into other packages (`installed.py`). Torch-free:
what needs torch is imported when a run is built.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field, create_model

from fastssl.config.aligned import AlignedConfig
from fastssl.config.base import OBJECTIVE, build
from fastssl.config.train import TrainConfig
from fastssl.errors import ConfigError
from fastssl.stages.entry import StageEntry
from fastssl.stages.installed import InstalledStages, find_installed

if TYPE_CHECKING:
    from fastssl.stages.stage_defaults import StageDefaults

STAGES = {
    "moco": "fastssl.stages.moco",
    "pretext": "fastssl.stages.pretext",
    "simclr": "fastssl.stages.simclr",
    "tower": "fastssl.stages.tower",
    "vae": "fastssl.stages.vae",
}
"""Name of a built-in stage -> its package."""

RECIPE_STAGES = {"fast": ("simclr",), "mtcp": ("moco", "pretext"), "tower": ("tower",), "vae": ("vae",)}
"""Name of a recipe that is a sequence -> its stages, in order."""

RECIPE_CONFIGS: dict[str, type[TrainConfig]] = {"aligned": AlignedConfig}
"""Name of a recipe with settings of its own -> their class; it takes no setting of a single stage."""

RECIPE_NAMES = tuple(sorted((*RECIPE_STAGES, *RECIPE_CONFIGS)))

ALL_STAGES = "all"
"""What `fastssl preview --stage` takes for no stage in particular: no stage can be called so."""


@cache
def installed_stages() -> InstalledStages:
    """Find the stages of other packages; they are looked for once.

    Returns:
        Those with names of their own, and one line on each that is left out.
    """
    return find_installed((*STAGES, ALL_STAGES))


def stage_names() -> tuple[str, ...]:
    """List all stages; imports none.

    Returns:
        The names of the built-in ones, then those of other packages.
    """
    return (*STAGES, *(name for name in installed_stages().stages if name not in STAGES))


def stage_entry(name: str) -> StageEntry:
    """Find the entry of a stage.

    Args:
        name: of the stage.

    Returns:
        What its folder says of itself.

    Raises:
        ConfigError: there is no such stage, where the nearest one is named; or the package that brings it is broken.
    """
    if name not in stage_names():
        raise ConfigError([_unknown("stage", name, stage_names())])
    if name not in STAGES:
        return installed_stages().stages[name].entry()
    entry: StageEntry = importlib.import_module(STAGES[name]).STAGE
    return entry


def stage_defaults(name: str) -> StageDefaults[Any, Any]:
    """Make the defaults of a stage; imports torch.

    Args:
        name: of the stage.

    Returns:
        The stage's own `StageDefaults`.

    Raises:
        ConfigError: there is no such stage, where the nearest one is named; or the package that brings it is broken.
    """
    module, _, attribute = stage_entry(name).defaults.partition(":")
    found: StageDefaults[Any, Any]
    if name in STAGES:
        found = getattr(importlib.import_module(module), attribute)()
    else:
        found = installed_stages().stages[name].defaults()
    return found


@cache
def config_class(stage: str = "moco", recipe: str | None = None) -> type[TrainConfig]:
    """Find the class of what may be asked of a stage, or of a recipe.

    Args:
        stage: its name; ignored where a recipe is given.
        recipe: its name; None: of a stage.

    Returns:
        A subclass of the stage's own configuration, of those of all the recipe's stages, or of the recipe's own. Its
        `stage` takes every name, so that a help page shows them.

    Raises:
        ConfigError: there is no such stage or recipe, where the nearest one is named; or the package that brings the
            stage is broken.
    """
    if recipe is not None and recipe not in RECIPE_NAMES:
        raise ConfigError([_unknown("recipe", recipe, RECIPE_NAMES)])
    if recipe in RECIPE_CONFIGS:
        return _class_of((), (RECIPE_CONFIGS[str(recipe)],))
    return _class_of((stage,) if recipe is None else RECIPE_STAGES[recipe])


def every_stage() -> type[TrainConfig]:
    """Make a class with the settings of all stages and recipes, for completion.

    Returns:
        A subclass of all their configurations, those of broken packages left out.
    """
    return _class_of(tuple(_sound_stages()), tuple(RECIPE_CONFIGS.values()))


def train_config(settings: Mapping[str, Any]) -> TrainConfig:
    """Validate settings of `fastssl train`, by the class of their stage or recipe.

    Args:
        settings: names and values; those that are left out get their defaults.

    Returns:
        The configuration.

    Raises:
        ConfigError: naming every unknown setting and every bad value.
    """
    kind = config_class(settings.get("stage") or "moco", settings.get("recipe"))
    foreign = sorted(name for name in settings if name not in kind.model_fields and owners_of(name))
    recipe, stage = settings.get("recipe"), settings.get("stage") or "moco"
    problems = [foreign_setting(name, f"--recipe {recipe}" if recipe else f"--stage {stage}") for name in foreign]
    try:
        config = build(kind, {name: value for name, value in settings.items() if name not in foreign})
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return config


def coerce_train_config(config: TrainConfig | None, settings: Mapping[str, Any]) -> TrainConfig:
    """Make the configuration of a call that takes one, or its fields as keywords.

    Args:
        config: what the call was given in one piece, if it was; one that is no stage's own becomes its stage's.
        settings: the keywords that it was given.

    Returns:
        A stage's or a recipe's configuration.

    Raises:
        TypeError: both are given.
        ConfigError: a setting that cannot be used.
    """
    if config is not None and settings:
        raise TypeError(f"give a configuration or settings, not both (got {', '.join(settings)} as well)")
    if config is None:
        return train_config(settings)
    return train_config(config.model_dump(exclude_unset=True)) if type(config) is TrainConfig else config


def foreign_setting(name: str, whose: str) -> str:
    """Say whose setting this is, where it was given to another stage or recipe.

    Args:
        name: of the setting.
        whose: what it was given to, as "--stage vae".

    Returns:
        One short phrase.
    """
    return f"{name} is a setting of --stage {' or '.join(owners_of(name))}, not of {whose}"


def owners_of(name: str) -> tuple[str, ...]:
    """List the stages that have a setting of their own of this name.

    Args:
        name: of the setting.

    Returns:
        Their names; none where the setting is of all stages, or of none.
    """
    if name in TrainConfig.model_fields:
        return ()
    return tuple(stage for stage, entry in _sound_stages().items() if name in entry.config.model_fields)


def _sound_stages() -> dict[str, StageEntry]:
    """All stages whose packages can be imported."""
    found = {}
    for name in stage_names():
        try:
            found[name] = stage_entry(name)
        except ConfigError:  # told where the stage is asked for
            continue
    return found


def _class_of(stages: tuple[str, ...], recipes: tuple[type[TrainConfig], ...] = ()) -> type[TrainConfig]:
    """A class with the settings of several stages, and of recipes with settings of their own."""
    own = tuple(stage_entry(name).config for name in reversed(stages)) + recipes  # the last stage's defaults go first
    own = tuple(kind for kind in own if not any(kind is not other and issubclass(other, kind) for other in own))
    shown = Parameter(group=OBJECTIVE, show_default=lambda _: next(iter(STAGES)))
    choice: Any = Annotated[Literal[stage_names()], shown]
    field = Field(default=next(iter((*stages, *STAGES))), description=TrainConfig.model_fields["stage"].description)
    made: type[TrainConfig] = create_model(own[-1].__name__, __base__=own, __module__=__name__, stage=(choice, field))
    return made


def _unknown(setting: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no stage or recipe of this name, with the nearest one."""
    known = tuple(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"give one of {', '.join(known)}"
    return f"{setting}={name!r}: no such {setting}, {hint}"
