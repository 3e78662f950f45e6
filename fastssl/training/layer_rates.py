"""Learning rates that fall from layer to layer of an encoder, whatever optimiser a stage has.

Covers: dividing an optimiser's groups by the scale of their rate, setting a step's rate. Does not cover: the scale of
each layer (`fastssl.models.layer_groups`), the rate of a step (`schedule.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fastssl.models.layer_groups import layer_scales
from fastssl.stages.stage import Stage
from fastssl.stages.stage_defaults import MakeOptimizer

SCALE = "lr_scale"
"""The entry of an optimiser's group that its learning rate is multiplied by; timm's optimisers have it by this name."""


def decayed_by_layer(make: MakeOptimizer, stage: Stage, decay: float) -> MakeOptimizer:
    """Make an optimiser whose rates fall towards the image; what is not the encoder's has the whole rate.

    Args:
        make: makes the stage's own optimiser; what its groups say (weight decay, LARS's adaptation) stays.
        stage: whose trained parameters, or what stands for them in their order, the result is called with.
        decay: F of `layer_scales`.

    Returns:
        A function of parameters, as `make`.

    Raises:
        ConfigError: timm does not group the encoder's weights.
    """
    scales = layer_scales(stage.encoder, decay)

    def make_decayed(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = make(parameters)
        own = {id(parameter): scales[name] for name, parameter in stage.encoder.named_parameters()}
        trained = zip(parameters, stage.trained_parameters(), strict=True)
        scale_by_id = {id(parameter): own.get(id(original), 1.0) for parameter, original in trained}
        optimizer.param_groups[:] = [part for group in optimizer.param_groups for part in _parts_of(group, scale_by_id)]
        return optimizer

    return make_decayed


def scale_of(group: Mapping[str, Any]) -> float:
    """Return what a group multiplies a step's learning rate by.

    Args:
        group: of an optimiser's `param_groups`.
    """
    return float(group.get(SCALE, 1.0))


def set_rate(optimizer: torch.optim.Optimizer, lr: float | Tensor) -> None:
    """Set the learning rate of a step, in each group by its scale.

    Args:
        optimizer: a rate that is a tensor, which a step replayed on a GPU reads, is written into.
        lr: of what has a scale of 1, or none.
    """
    for group in optimizer.param_groups:
        rate = lr * scale_of(group)
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def rate_of(optimizer: torch.optim.Optimizer) -> float | Tensor:
    """Return the whole learning rate, which a scale of 1 gives.

    Args:
        optimizer: as `set_rate` left it, or as it was made.

    Returns:
        A scalar on the GPU where the optimiser's rates are, so that nothing waits for it.
    """
    group = optimizer.param_groups[0]
    rate: float | Tensor = group["lr"] / scale_of(group)
    return rate


def _parts_of(group: dict[str, Any], scale_by_id: Mapping[int, float]) -> list[dict[str, Any]]:
    """A group for each scale among its parameters, the largest scale first."""
    members: dict[float, list[nn.Parameter]] = {}
    for parameter in group["params"]:
        members.setdefault(scale_by_id[id(parameter)], []).append(parameter)
    return [
        {**group, "params": members[scale], SCALE: scale, "lr": group["lr"] * scale}
        for scale in sorted(members, reverse=True)
    ]
