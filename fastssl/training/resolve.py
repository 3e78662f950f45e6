"""What "auto" becomes, once, for this data and this device.

Covers: from a configuration to settings without anything automatic, each with the reason that is printed and saved; the
automatic values that all stages share. Does not cover: a stage's own (`StageDefaults`), device, precision
and compilation (`fastssl.runtime`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastssl.config import build
from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.data.named import demo
from fastssl.errors import ConfigError
from fastssl.models.encoder import Stem
from fastssl.runtime import ResolvedSetting
from fastssl.stages.registry import stage_entry
from fastssl.stages.stage_defaults import RunInfo, StageDefaults

DEMO_MINUTES = 4.0
"""A budget for one stage on the demo data: there to see everything work, also on two slow cores."""
WEIGHT_DECAY = 1e-4
SMALL_IMAGE = 40
"""Sides in pixels up to which a ResNet's standard stem leaves one or two pixels of its last map."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a configuration was resolved to.

    Args:
        settings: nothing in them is automatic.
        reasons: the length, and each setting that can be automatic, with the reason for its value.
    """

    settings: TrainingSettings
    reasons: tuple[ResolvedSetting, ...]


def resolve(
    config: TrainConfig,
    defaults: StageDefaults[Any, Any],
    info: RunInfo,
    *,
    name: str,
    shared: Mapping[str, tuple[object, str]],
) -> Resolved:
    """Fill in every automatic value of `config`; a run's own settings come back as they are.

    Args:
        config: what was asked for, or the settings of a run that goes on.
        defaults: of the stage.
        info: about data, device and encoder.
        name: of the data, for what is said about it.
        shared: values that were chosen before the encoder was made, with reasons: its name, the size, the stem.

    Returns:
        The settings of the stage's own class, and the reasons.

    Raises:
        ConfigError: listing every setting that does not fit the data.
    """
    if not isinstance(config, TrainingSettings):  # what goes on was checked when it began
        _check(config, defaults, info, name)
    steps_per_epoch = max(1, info.images // config.batch_size)
    epochs = config.epochs and config.epochs * steps_per_epoch
    steps = config.steps or epochs or defaults.auto_steps(config, steps_per_epoch)
    weight_decay = (WEIGHT_DECAY, "MoCo's, in stages without one of their own")
    automatic = {**shared, "weight_decay": weight_decay, **defaults.automatic(config, info, steps)}
    chosen = {name: value for name, (value, _) in automatic.items() if defaults.is_automatic(config, name)}
    whole = {**config.model_dump(), **chosen, "epochs": None, "minutes": None, "steps": steps, "recipe": None}
    settings = build(stage_entry(config.stage).settings, whole)
    length = f"{round(steps / steps_per_epoch, 2):g} epochs of {steps_per_epoch} steps, {info.images} images"
    reasons = [ResolvedSetting(name="length", value=f"{steps} steps", reason=length)]
    for setting, (_, reason) in automatic.items():
        value = getattr(settings, setting)
        text = f"{value:g}" if isinstance(value, float) else str(value)
        reason = reason if setting in chosen else "as asked"
        reasons.append(ResolvedSetting(name=setting, value=text, reason=reason))
    return Resolved(settings=settings, reasons=tuple(reasons))


def with_length(config: TrainConfig) -> tuple[TrainConfig, str]:
    """Give a run on the demo data a budget of minutes, unless it has a length.

    Args:
        config: what was asked for.

    Returns:
        The configuration, and why it has the length; "" where nothing was added.
    """
    if config.data not in demo.NAMES or config.steps or config.epochs or config.minutes:
        return config, ""
    reason = f"demo data: --minutes {DEMO_MINUTES:g} unless a length is given; "
    return config.model_copy(update={"minutes": DEMO_MINUTES}), reason


def auto_stem(size: int, *, on_cuda: bool, resnet_stem: bool) -> tuple[Stem, str]:
    """Choose the stem: small where images are small, except on a CPU, where that costs 16 times the work of every step.

    Args:
        size: side of the images, in pixels.
        on_cuda: the run is on a GPU.
        resnet_stem: the encoder has a stem that can be replaced.

    Returns:
        The stem, and why.
    """
    if not resnet_stem:
        return "standard", "only ResNets have a small one"
    if size > SMALL_IMAGE:
        return "standard", f"images over {SMALL_IMAGE} pixels"
    if on_cuda:
        return "small", f"images of at most {SMALL_IMAGE} pixels"
    return "standard", "a small stem suits these images, but costs 16x the work on a CPU: --stem small"


def _check(config: TrainConfig, defaults: StageDefaults[Any, Any], info: RunInfo, name: str) -> None:
    problems = defaults.problems(config, info)
    if info.images < config.batch_size:
        few = f"{name} has only {info.images} training images; give a smaller batch size"
        problems.insert(0, f"batch_size={config.batch_size}: {few}")
    if problems:
        raise ConfigError(problems)
