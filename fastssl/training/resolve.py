"""What "auto" becomes, once, for this data and this device.

Covers: the automatic values that all stages choose alike, each with the reason that is printed and saved; filling in
a stage's own. Does not cover: those (`plans/`), nor device, precision and compilation (`runtime.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastssl.config import TrainConfig
from fastssl.data import demo
from fastssl.errors import ConfigError
from fastssl.models.encoder import Stem
from fastssl.runtime import ResolvedSetting
from fastssl.stages.registry import RunInfo, StageDefaults

DEFAULT_EPOCHS = 100
DEMO_MINUTES = 4.0
"""A budget for one stage on the demo data: there to see everything work, also on two slow cores."""
WEIGHT_DECAY = 1e-4
SMALL_IMAGE = 40
"""Sides in pixels up to which a ResNet's standard stem leaves one or two pixels of its last map."""


@dataclass(frozen=True)
class Resolved:
    """A configuration without any "auto" left in it, and what was chosen."""

    config: TrainConfig
    epochs: float
    choices: tuple[ResolvedSetting, ...]


def resolve(
    config: TrainConfig, plan: StageDefaults, facts: RunInfo, *, name: str, shared: Mapping[str, tuple[object, str]]
) -> Resolved:
    """Fill in every automatic value of `config`.

    Args:
        name: of the data, for what is said about it.
        shared: values that were found before the encoder was made: its name, the size, the stem.

    Raises:
        ConfigError: listing every setting that does not fit the data.
    """
    problems = [*_length_problems(config, name, facts.images), *plan.problems(config, facts)]
    if problems:
        raise ConfigError(problems)
    steps_per_epoch = facts.images // config.batch_size
    steps = config.steps or (config.epochs or DEFAULT_EPOCHS) * steps_per_epoch
    epochs = steps / steps_per_epoch
    weight_decay = (WEIGHT_DECAY, "MoCo's, in stages without one of their own")
    automatic = {**shared, "weight_decay": weight_decay, **plan.automatic(config, facts, steps)}
    filled = {name: value for name, (value, _) in automatic.items() if getattr(config, name) in (None, "auto")}
    resolved = config.model_copy(update={**filled, "epochs": None, "steps": steps})
    length = f"{round(epochs, 2):g} epochs of {steps_per_epoch} steps, {facts.images} images"
    choices = [ResolvedSetting("length", f"{steps} steps", length)]
    for setting, (_, reason) in automatic.items():
        value = getattr(resolved, setting)
        text = f"{value:g}" if isinstance(value, float) else str(value)
        choices.append(ResolvedSetting(setting, text, reason if setting in filled else "as asked"))
    return Resolved(resolved, epochs, tuple(choices))


def with_length(config: TrainConfig) -> tuple[TrainConfig, str]:
    """`config` with a length where that depends on more than the number of images, and why: that of the demo data."""
    if config.data not in demo.NAMES or config.steps or config.epochs or config.minutes:
        return config, ""
    reason = f"demo data: --minutes {DEMO_MINUTES:g} unless a length is given; "
    return config.model_copy(update={"minutes": DEMO_MINUTES}), reason


def auto_stem(size: int, *, on_cuda: bool, resnet_stem: bool) -> tuple[Stem, str]:
    """Small where images are small, except on a CPU, where it would cost 16 times the work of every step."""
    if not resnet_stem:
        return "standard", "only ResNets have a small one"
    if size > SMALL_IMAGE:
        return "standard", f"images over {SMALL_IMAGE} pixels"
    if on_cuda:
        return "small", f"images of at most {SMALL_IMAGE} pixels"
    return "standard", "a small stem suits these images, but costs 16x the work on a CPU: --stem small"


def _length_problems(config: TrainConfig, name: str, images: int) -> list[str]:
    if images >= config.batch_size:
        return []
    return [f"batch_size={config.batch_size}: {name} has only {images} training images; give a smaller batch size"]
