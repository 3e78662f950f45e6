"""Exponential moving average in plain torch: target <- momentum * target + (1 - momentum) * source.

Covers: lists of tensors in any layout, through torch's horizontally fused `_foreach_lerp_`, which already moves no more
than the 12 bytes per fp32 parameter that the update needs. Does not cover: the single launch over a flat buffer
(kernel.py), which saves launches and not bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def ema_reference_(targets: Sequence[Tensor], sources: Sequence[Tensor], momentum: float | Tensor) -> None:
    """Update in place. The arithmetic is done in each target's dtype, so half-precision sources lose nothing."""
    if not targets:
        return
    aligned = [
        source if source.dtype == target.dtype else source.to(target.dtype)
        for target, source in zip(targets, sources, strict=True)
    ]
    if len(aligned) == 1 or isinstance(momentum, Tensor):
        step = 1.0 - momentum
        for target, source in zip(targets, aligned, strict=True):
            target.lerp_(source, step.to(target.dtype) if isinstance(step, Tensor) else step)
    else:
        torch._foreach_lerp_(list(targets), aligned, 1.0 - momentum)
