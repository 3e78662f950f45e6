"""Exponential moving average of parameters, in place: the public function.

Covers: checks, and the choice between one launch over a pair of flat buffers and torch's fused list update.
Does not cover: momentum schedules, or which tensors are averaged (a model's integer buffers are copied, not averaged).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fastssl.kernels.checks import FLOATING, as_number, check_tensors
from fastssl.kernels.dispatch import runs_triton
from fastssl.kernels.ema_update.reference import ema_reference_

MASTER = (torch.float32, torch.float64)


def ema_update_(targets: Sequence[Tensor], sources: Sequence[Tensor], momentum: float | Tensor) -> None:
    """Update every target in place: momentum * target + (1 - momentum) * source.

    The momentum encoder's update (He et al., "Momentum Contrast", CVPR 2020, equation 2).

    One pair of 1-D contiguous tensors, the buffers that `flatten_` returned, is the fast way: one launch on CUDA, one
    `lerp_` on a CPU, and a few checks on the host. Other lists, and all lists under `torch.compile`, are updated by
    torch's fused list update. Nothing but the targets is written, and nothing waits for the device, so a CUDA graph can
    hold the call; give the momentum as a tensor if it changes between replays.

    Args:
        targets: fp32 (or fp64) master copies, each once. In half precision an average with momentum 0.996 never moves:
            its step is below the last bit (bf16 stays at 1.0 for 2000 steps towards 1.3).
        sources: one per target, same shape and device, any floating dtype.
        momentum: in [0, 1], or a 0-dim tensor on the targets' device, whose value is not checked.

    Raises:
        TypeError: a target in half precision, a dtype that is not floating point, or a momentum that is no number.
        ValueError: lists of unequal length, shapes, devices, or a momentum that do not fit, or a target listed twice.
    """
    _check(targets, sources, momentum)
    if not targets:
        return
    if not isinstance(momentum, Tensor):
        momentum = float(momentum)
    if not torch.compiler.is_compiling() and len(targets) == 1:
        target, source = targets[0], sources[0]
        flat = target.dim() == 1 and target.is_contiguous() and source.is_contiguous()
        if flat and target.numel() and runs_triton("auto", target, source):
            from fastssl.kernels.ema_update.launch import (
                launch_ema,  # here, so that a machine without Triton gets this far
            )

            launch_ema(target, source, momentum)
            return
    ema_reference_(targets, sources, momentum)


def _check(targets: Sequence[Tensor], sources: Sequence[Tensor], momentum: float | Tensor) -> None:
    if isinstance(targets, Tensor) or isinstance(sources, Tensor):
        raise TypeError("targets and sources must be lists of tensors, got a tensor: put it in a list")
    if len(targets) != len(sources):
        raise ValueError(f"targets and sources must pair up, got {len(targets)} and {len(sources)} tensors")
    if not torch.compiler.is_compiling() and len(set(map(id, targets))) < len(targets):
        raise ValueError("targets must be listed once each: a tied parameter would move twice")
    if isinstance(momentum, Tensor):
        if momentum.dim() != 0 or (targets and momentum.device != targets[0].device):
            raise ValueError(
                f"momentum must be 0-dim on the targets' device, got {list(momentum.shape)} on {momentum.device}"
            )
        if momentum.requires_grad or not momentum.is_floating_point():
            raise TypeError("momentum must be floating point without a gradient: pass momentum.detach().float()")
    elif not 0.0 <= as_number("momentum", momentum) <= 1.0:
        raise ValueError(f"momentum must be in [0, 1], got {momentum}")
    for index, (target, source) in enumerate(zip(targets, sources, strict=True)):
        check_tensors(**{f"targets[{index}]": target, f"sources[{index}]": source})
        if target.dtype not in MASTER:
            raise TypeError(f"targets[{index}] must be a float32 or float64 master copy, got {target.dtype}")
        if source.dtype not in FLOATING:
            raise TypeError(f"sources[{index}] must be floating point, got {source.dtype}")
        if target.shape != source.shape or target.device != source.device:
            raise ValueError(
                f"sources[{index}] is {list(source.shape)} on {source.device}, "
                f"but targets[{index}] is {list(target.shape)} on {target.device}"
            )
