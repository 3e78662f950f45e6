"""LARS: momentum SGD whose learning rate is scaled for each weight by the norms of weight and gradient.

Covers: the update of You et al., "Large Batch Training of Convolutional Networks" (arXiv 1708.03888, Algorithm 1), with
plain momentum for groups that are not adapted. Does not cover: which parameters those are (`defaults.py`).

timm has a LARS, too, and it was not taken: with its momentum, the learning rate of a step also scales what earlier
steps have left, where the publication scales each step by its own; and up to timm 1.0.20, which fastssl supports, it
reads a learning rate that lies on the GPU back to the host, so that steps cannot be replayed as CUDA graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor

MOMENTUM = 0.9
TRUST = 0.001


class LARS(torch.optim.Optimizer):
    """Scale the step of each weight w by a trust ratio.

    With gradient g, weight decay d, learning rate r, momentum m and trust coefficient t,

        v <- m v + r t |w| / (|g| + d |w|) (g + d w),    w <- w - v.

    Where w or g is zero, the ratio is 1. No value is read by the host, and a learning rate may be a tensor.

    Args:
        params: parameters, or groups of them; a group with `adapt` False has ratio 1.
        lr: r.
        momentum: m.
        weight_decay: d.
        trust: t.
        adapt: whether the ratio is computed, in groups that do not say it.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = MOMENTUM,
        weight_decay: float = 0.0,
        trust: float = TRUST,
        adapt: bool = True,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust, "adapt": adapt}
        super().__init__(params, settings)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss again, with gradients.

        Returns:
            What `closure` returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        weights = [p for p in group["params"] if p.grad is not None]
        if not weights:
            return
        gradients = [p.grad for p in weights]
        velocities = [self._velocity(p) for p in weights]
        steps = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
        if group["adapt"]:
            torch._foreach_mul_(steps, trust_ratios(weights, gradients, group["trust"], group["weight_decay"]))
        torch._foreach_mul_(steps, group["lr"])
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, steps)
        torch._foreach_sub_(weights, velocities)

    def _velocity(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight)
        velocity: Tensor = state["velocity"]
        return velocity


def trust_ratios(weights: list[Tensor], gradients: list[Tensor], trust: float, decay: float) -> list[Tensor]:
    """Compute t |w| / (|g| + d |w|) (equation 6), or 1 where w or g is zero.

    Args:
        weights: w, of any shapes, on one device.
        gradients: g, likewise.
        trust: t.
        decay: d.

    Returns:
        A scalar tensor for each weight.
    """
    w, g = torch.stack(torch._foreach_norm(weights)), torch.stack(torch._foreach_norm(gradients))
    ratios = trust * w / (g + decay * w)
    return list(ratios.masked_fill((w == 0) | (g == 0), 1.0).unbind())
