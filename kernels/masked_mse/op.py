"""Mean squared error over masked pixels: the public function.

Covers: checks, reduction, autograd and registration. Does not cover: the maths (reference.py, kernel.py), or drawing
masks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fastssl.kernels.checks import IMPLEMENTATIONS, REDUCTIONS, check_choice, check_floating, check_same_device
from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.masked_mse.reference import MaskedMSEResult, masked_mse_reference, memory_format
from fastssl.kernels.masks import check_mask, expand_mask


def masked_mse(
    prediction: Tensor, target: Tensor, mask: Tensor | None, *, reduction: str = "mean", impl: str = "auto"
) -> Tensor:
    """Compute the mean squared error of those pixels whose mask is not zero (masked image modelling).

    Xie et al., "SimMIM", and He et al., "Masked Autoencoders Are Scalable Vision Learners", both CVPR 2022. "mean"
    divides by the number of masked elements; if there is none, the loss is 0 and so is its gradient. Loss and gradient
    come out of one pass over the images. What is not masked has no influence, even where it is NaN.

    Args:
        prediction: [B, C, H, W], floating point, contiguous or channels-last.
        target: [B, C, H, W], floating point; the dtypes may differ, differences are taken in float32 (float64 for
            float64 inputs).
        mask: [B, 1, h, w] or [B, C, h, w], bool or uint8, where h divides H and w divides W: per pixel, or per patch.
            None counts every value.
        reduction: "mean", "sum", or "none" (squared errors [B, C, H, W], zero where not masked; not fused).
        impl: "auto" (Triton on CUDA at any size, since its three launches are fewer than torch's; torch elsewhere),
            "triton" or "torch".

    Returns:
        The loss in float32 (float64 for float64 inputs): a scalar, or [B, C, H, W] for "none".

    Raises:
        TypeError: an image is not floating point, or the mask neither bool nor uint8.
        ValueError: shapes, devices or settings do not fit, or Triton is asked for where it cannot run.
    """
    if mask is None:
        mask = prediction.new_ones(len(prediction), 1, 1, 1, dtype=torch.uint8)
    _check(prediction, target, mask, reduction, impl)
    if reduction == "none":
        dtype = torch.promote_types(torch.promote_types(prediction.dtype, target.dtype), torch.float32)
        squared = (prediction.to(dtype) - target.to(dtype)).square()
        return torch.where(expand_mask(mask, *prediction.shape[2:]), squared, 0.0)
    tracked = torch.is_grad_enabled() and (prediction.requires_grad or target.requires_grad)
    options = MaskedMSEOptions(mean=reduction == "mean", grad=tracked)
    return _MaskedMSE.apply(prediction, target, mask, options, impl)


def _check(prediction: Tensor, target: Tensor, mask: Tensor, reduction: str, impl: str) -> None:
    check_floating(prediction=prediction, target=target)
    check_same_device(prediction=prediction, target=target, mask=mask)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("impl", impl, IMPLEMENTATIONS)
    if prediction.dim() != 4 or prediction.numel() == 0:
        raise ValueError(f"prediction must be a non-empty [B, C, H, W], got {list(prediction.shape)}")
    if target.shape != prediction.shape:
        raise ValueError(f"target must have prediction's shape {list(prediction.shape)}, got {list(target.shape)}")
    check_mask(mask, *prediction.shape)


def _forward(prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions, impl: str) -> MaskedMSEResult:
    if not runs_triton(impl, prediction, target):
        with torch.autocast(prediction.device.type, enabled=False):
            return masked_mse_reference(prediction, target, mask, options)
    from fastssl.kernels.masked_mse.launch import launch_masked_mse  # here, so that Triton stays optional

    return launch_masked_mse(prediction, target, mask, options)


# torch.library takes numbers, strings and tensors alone: only here are the options a list.
def _registered(prediction: Tensor, target: Tensor, mask: Tensor, mean: bool, grad: bool, impl: str) -> MaskedMSEResult:
    return _forward(prediction, target, mask, MaskedMSEOptions(mean=mean, grad=grad), impl)


def _fake(prediction: Tensor, target: Tensor, mask: Tensor, mean: bool, grad: bool, impl: str) -> MaskedMSEResult:
    dtype = torch.promote_types(torch.promote_types(prediction.dtype, target.dtype), torch.float32)
    loss, rest = (prediction.new_empty((), dtype=dtype) for _ in range(2))
    form = memory_format(prediction)
    rows = torch.empty_like(prediction, memory_format=form) if grad else prediction.new_empty(0)
    return MaskedMSEResult(loss=loss, grad=rows, rest=rest)


_forward_op = register_op(
    "masked_mse_forward(Tensor prediction, Tensor target, Tensor mask, bool mean, bool grad, str impl) "
    "-> (Tensor, Tensor, Tensor)",
    _registered,
    _fake,
)


def _scale_(grad: Tensor, factor: Tensor, rest: Tensor, impl: str) -> Tensor:
    if not runs_triton(impl, grad):
        return grad.mul_((factor * rest).to(torch.promote_types(grad.dtype, torch.float32)))
    from fastssl.kernels.masked_mse.launch import launch_scale_  # here, so that a machine without Triton gets this far

    launch_scale_(grad, factor, rest)
    return grad


class _MaskedMSE(torch.autograd.Function):
    """Scalar loss; the gradient is made with it.

    In eager mode the first backward scales that gradient in place and hands it out, so nothing is copied; a second one
    through a retained graph makes it anew. A compiled graph multiplies it, which the compiler fuses with what follows.
    """

    @staticmethod
    def forward(
        ctx: Any, prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions, impl: str
    ) -> Tensor:
        ctx.settings = (options, impl)
        ctx.target_dtype = target.dtype
        if torch.compiler.is_compiling():
            loss, grad, rest = _forward_op(prediction, target, mask, options.mean, options.grad, impl)
            ctx.save_for_backward(grad, rest)
        else:
            loss, grad, rest = _forward(prediction, target, mask, options, impl)
            ctx.ready = (grad, rest)
            ctx.save_for_backward(prediction, target, mask)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        if torch.compiler.is_compiling():
            grad, rest = ctx.saved_tensors
            grad = (grad * (grad_loss * rest)).to(grad.dtype)
        else:
            grad, rest = ctx.ready or _forward(*ctx.saved_tensors, *ctx.settings)[1:]
            ctx.ready = None
            grad = _scale_(grad, grad_loss, rest, ctx.settings[1])
        wanted = ctx.needs_input_grad
        grad_target = -grad.to(ctx.target_dtype) if wanted[1] else None
        return grad if wanted[0] else None, grad_target, None, None, None
