"""The methods of a comparison: the configuration of each, all with one encoder and one budget.

Covers: which settings go to a method, which methods can be had on these data. Does not cover: training them
(`pretraining.py`), what they are compared with (`baselines.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fastssl.config.aligned import BASELINES, AlignedConfig
from fastssl.config.data import HOW_DATA_ARE_READ
from fastssl.config.train import TrainConfig
from fastssl.data import Source
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import Runtime
from fastssl.stages.registry import RECIPE_STAGES, STAGES, stage_names, train_config
from fastssl.training.build import build_run

ENCODER = "resnet18"
"""Of all methods, so that methods are compared and not architectures: the one that all of them can train on a CPU."""
MINUTES_EACH = 4.0
SEQUENCES = {"pretext": "mtcp"}
"""Methods that are a sequence of stages -> its recipe: pretext tasks go on from MoCo, and the budget is of both."""

_PASSED_ON = (
    *("data_root", *(name for name in HOW_DATA_ARE_READ if name != "value_range")),
    *("device", "amp", "precision", "seed", "stem", "batch_size"),
    *("steps", "compile", "threads", "sync_bn", "compress_gradients", "peer_timeout", "pipeline"),
    *("checkpoint_every", "keep", "deterministic", "monitor", "monitor_share", "keep_best", "log"),
)
_OF_THE_IMAGES = ("size", "value_range")
"""Passed on as well, unless they are about folders with masks, whose patches are as they are."""


@dataclass(frozen=True, kw_only=True)
class ComparedMethod:
    """A way of pre-training.

    Attributes:
        name: of the candidate, and of its folder.
        config: of its stage, or of the recipe that is its sequence.
    """

    name: str
    config: TrainConfig

    @property
    def folder(self) -> Path:
        """The folder of its run, or of its sequence of runs."""
        return Path(str(self.config.out))


def check_candidates(config: AlignedConfig) -> None:
    """Refuse candidates that are none.

    Args:
        config: of the recipe.

    Raises:
        ConfigError: one is no stage, nor a baseline.
    """
    known = (*stage_names(), *BASELINES)
    wrong = [name for name in config.candidates if name not in known]
    if wrong:
        raise ConfigError([f"candidates={wrong[0]}: give some of {', '.join(known)}"])


def methods_of(config: AlignedConfig, data: str, folder: Path) -> tuple[ComparedMethod, ...]:
    """Make the methods that are asked for.

    Args:
        config: of the recipe.
        data: to pre-train on.
        folder: of the recipe; each method has a folder in it.

    Returns:
        The built-in stages, or those that are asked for, in the order in which stages are listed; each with the whole
        budget of minutes (`with_shares`).
    """
    names = [name for name in stage_names() if name in (config.candidates or STAGES)]
    passed = (*_PASSED_ON, *(() if config.segments else _OF_THE_IMAGES))
    shared = {name: getattr(config, name) for name in passed if name in config.model_fields_set}
    shared |= {"data": data, "encoder": ENCODER if config.encoder == "auto" else config.encoder, "quiet": True}
    return tuple(
        ComparedMethod(name=name, config=train_config({**shared, **_kind(name), "out": folder / name}))
        for name in names
    )


def with_minutes(config: AlignedConfig, methods: int) -> AlignedConfig:
    """Give a recipe without a length its budget: `MINUTES_EACH` for every method.

    Args:
        config: what was asked for.
        methods: how many there are.

    Returns:
        The configuration with minutes or steps.
    """
    if config.minutes is not None or config.steps is not None:
        return config
    return config.model_copy(update={"minutes": MINUTES_EACH * methods})


def with_shares(methods: Sequence[ComparedMethod], minutes: float | None) -> tuple[ComparedMethod, ...]:
    """Divide a budget evenly among methods.

    Args:
        methods: those that can be trained.
        minutes: of all of them together; None where their length is given in steps.

    Returns:
        The methods, each with its share.
    """
    if minutes is None:
        return tuple(methods)
    share = {"minutes": minutes / len(methods)}
    return tuple(replace(method, config=method.config.model_copy(update=share)) for method in methods)


def why_not(method: ComparedMethod, source: Source, runtime: Runtime) -> str:
    """Build a method as its training would, and tell what stands in the way.

    Args:
        method: the method.
        source: the data.
        runtime: device, precision, compilation.

    Returns:
        The problem in one line; "" where there is none.
    """
    before: EncoderSpec | None = None
    try:
        for stage in _stages(method):
            before = build_run(stage, source, runtime, follows=before).spec
    except ConfigError as error:
        return str(error)
    return ""


def _kind(name: str) -> dict[str, str]:
    return {"recipe": SEQUENCES[name]} if name in SEQUENCES else {"stage": name}


def _stages(method: ComparedMethod) -> list[TrainConfig]:
    """The configurations of a method's stages."""
    if method.config.recipe is None:
        return [method.config]
    asked = method.config.model_dump(include=method.config.model_fields_set - {"recipe", "stage"})
    return [train_config({**asked, "stage": stage}) for stage in RECIPE_STAGES[method.config.recipe]]
