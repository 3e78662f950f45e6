"""The masked mean squared error as an operator of torch: which implementation runs, what the compiler sees, gradients.

Covers: the choice between Triton and torch, registration with torch.library, autograd. Does not cover: checks, and the
squared errors without reduction (op.py), the maths (reference.py, kernel.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.masked_mse.reference import MaskedMSEResult, masked_mse_reference, memory_format


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


class MaskedMSEFunction(torch.autograd.Function):
    """Scalar loss; the gradient is made with it.

    In eager mode the first backward scales that gradient in place and hands it out, so nothing is copied; a second one
    through a retained graph makes it anew. A compiled graph multiplies it, which the compiler fuses with what follows.
    """

    @staticmethod
    def forward(
        ctx: Any, prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions, impl: str
    ) -> Tensor:
        """Compute the loss and, with it, the gradient."""
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
        """Scale the gradient."""
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
