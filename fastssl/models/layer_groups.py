"""An encoder's layers in order, as timm groups them: learning rates that fall towards the image, stages that stay.

Covers: the scale of every weight's learning rate, freezing the first stages with their batch norms' statistics. Does
not cover: optimisers (`fastssl.training.layer_rates`), heads, which are no part of an encoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from timm.layers import BatchNormAct2d
from timm.models import group_parameters
from torch import nn

from fastssl.errors import ConfigError

from .timm_fit import timm_config

BatchNorm = nn.modules.batchnorm._BatchNorm
_HEAD = "head"
"""Stands for a classifier where timm names none."""


@dataclass(frozen=True, kw_only=True)
class FrozenStages:
    """What of an encoder stays as it is.

    Args:
        count: stages that are frozen, from the image on.
        stages: that the encoder has.
        tensors: weights that are frozen.
        of: weights that the encoder has.
    """

    count: int
    stages: int
    tensors: int
    of: int


class _Frozen(BatchNorm):
    """A batch norm that normalises by its running statistics and keeps them, also while others are trained."""

    def train(self, mode: bool = True) -> _Frozen:
        """Stay in evaluation mode.

        Args:
            mode: of the network that it is part of.

        Returns:
            The norm itself.
        """
        super().train(False)
        return self


class FrozenBatchNorm1d(_Frozen, nn.BatchNorm1d):
    """`nn.BatchNorm1d` that stays as it is."""


class FrozenBatchNorm2d(_Frozen, nn.BatchNorm2d):
    """`nn.BatchNorm2d` that stays as it is."""


class FrozenBatchNormAct2d(_Frozen, BatchNormAct2d):
    """The batch norm of timm, with its dropout and activation, that stays as it is."""


_FROZEN_CLASSES: dict[type[nn.Module], type[_Frozen]] = {
    nn.BatchNorm1d: FrozenBatchNorm1d,
    nn.BatchNorm2d: FrozenBatchNorm2d,
    BatchNormAct2d: FrozenBatchNormAct2d,
}


def layer_scales(encoder: nn.Module, decay: float) -> dict[str, float]:
    """Compute by what each weight's learning rate is multiplied: decay^k for the k-th layer below the head.

    As in BEiT (Bao et al., arXiv 2106.08254) and MAE; layers are timm's own groups, single blocks, of the model with
    its classifier. So the last block has `decay`, and what stands behind it (ConvNeXt's last norm) has 1 as the heads.

    Args:
        encoder: a timm model.
        decay: F, 0 < F <= 1.

    Returns:
        Name of a weight -> scale, of all weights.

    Raises:
        ConfigError: timm does not group this model's weights.
    """
    names = [name for name, _ in encoder.named_parameters()]
    layers = _groups(encoder, [*names, _head(encoder)], coarse=False, setting="lr_decay")
    last = max(layers.values())
    return {name: decay ** (last - layers[name]) for name in names}


def freeze_stages(encoder: nn.Module, count: int) -> FrozenStages:
    """Freeze the first stages of an encoder, in place: no gradients, and batch norms that keep their statistics.

    A copy of the encoder is frozen likewise.

    Args:
        encoder: a timm model, before its batch norms are split or synced.
        count: stages, counted from the image on; the first layers are one. Of a vision transformer each block is one.

    Returns:
        What was frozen.

    Raises:
        ConfigError: nothing would be left to train, or timm does not group this model's weights.
    """
    parameters = dict(encoder.named_parameters())
    stages = _groups(encoder, list(parameters), coarse=True, setting="freeze")
    there = max(stages.values()) + 1
    if count >= there:
        name = timm_config(encoder).get("architecture", "the encoder")
        most = f"{name} has {there} stages, and one has to be trained; give at most {there - 1}"
        raise ConfigError([f"freeze={count}: {most}"])
    frozen = {name for name, stage in stages.items() if stage < count}
    for name in frozen:
        parameters[name].requires_grad_(False)
    for path, part in encoder.named_modules():
        own = [f"{path}.{name}" for name, _ in part.named_parameters(recurse=False)]
        if type(part) in _FROZEN_CLASSES and own and frozen.issuperset(own):
            part.__class__ = _FROZEN_CLASSES[type(part)]
            part.eval()
    return FrozenStages(count=count, stages=there, tensors=len(frozen), of=len(parameters))


class _Named(nn.Module):
    """Names of weights, as timm asks a module for them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def named_parameters(self, *_: object, **__: object) -> Iterator[tuple[str, nn.Parameter]]:
        nothing = nn.Parameter(torch.empty(0))
        return ((name, nothing) for name in self.names)


def _groups(encoder: nn.Module, names: list[str], *, coarse: bool, setting: str) -> dict[str, int]:
    """Of each name, the number of its group, from 0 at the image."""
    try:
        matcher = encoder.group_matcher(coarse=coarse)  # type: ignore[operator]
    except (AttributeError, AssertionError):  # a model without one, or with single blocks alone
        name = timm_config(encoder).get("architecture", type(encoder).__name__)
        raise ConfigError([f"{setting}: timm does not say which layers of {name} come first; leave it out"]) from None
    found: dict[str, int] = group_parameters(_Named(names), matcher, reverse=True)
    return found


def _head(encoder: nn.Module) -> str:
    """The name of a weight of the classifier that the model has been made without."""
    named = timm_config(encoder).get("classifier") or _HEAD
    return f"{named if isinstance(named, str) else named[0]}.weight"
