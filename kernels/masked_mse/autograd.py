"""The masked mean squared error as an operator of torch: which implementation runs, what the compiler sees, gradients.

Covers: the choice between Triton and torch, registration with torch.library, autograd. Does not cover: checks, and the
squared errors without reduction (op.py), the maths (reference.py, kernel.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.masked_mse.reference import (
    MaskedMSEResult,
    accumulator,
    masked_mse_formula,
    masked_mse_reference,
    memory_format,
)
from fastssl.kernels.second_order import differentiable_gradients, tied


def masked_mse_loss(prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions, impl: str) -> Tensor:
    """The scalar loss."""
    if torch.compiler.is_compiling() or prediction.is_meta:
        loss, *_ = _forward_op(prediction, target, mask, options.mean, options.grad, impl)
        return loss
    return MaskedMSEFunction.apply(prediction, target, mask, options, impl)


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
    loss, rest = (prediction.new_empty((), dtype=accumulator(prediction, target)) for _ in range(2))
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
        whole = (factor * rest).to(torch.promote_types(grad.dtype, torch.float32))
        # Mostly it is 1. Only a CPU can tell without waiting.
        return grad if grad.device.type == "cpu" and float(whole) == 1.0 else grad.mul_(whole)
    from fastssl.kernels.masked_mse.launch import launch_scale_  # here, so that a machine without Triton gets this far

    launch_scale_(grad, factor, rest)
    return grad


class MaskedMSEFunction(torch.autograd.Function):
    """Scalar loss; the gradient is made with it.

    In eager mode the first backward scales that gradient in place and hands it out, so nothing is copied; a second one
    through a retained graph makes it anew. A compiled graph, which holds the operator in the place of this function,
    multiplies it, and the compiler fuses that with what follows.
    """

    @staticmethod
    def forward(
        ctx: Any, prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions, impl: str
    ) -> Tensor:
        """Compute the loss and, with it, the gradient."""
        loss, grad, rest = _forward(prediction, target, mask, options, impl)
        ctx.settings = (options, impl)
        ctx.ready = (grad, rest)
        ctx.save_for_backward(prediction, target, mask)
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradient."""
        options, impl = ctx.settings
        prediction, target, mask = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph
            return *_differentiable(ctx, prediction, target, mask, options.mean, grad_loss), None, None, None
        grad, rest = ctx.ready or _forward(prediction, target, mask, options, impl)[1:]
        ctx.ready = None
        return *_of_both(ctx, _scale_(grad, grad_loss, rest, impl), target.dtype), None, None, None


def _differentiable(
    ctx: Any, prediction: Tensor, target: Tensor, mask: Tensor, mean: bool, grad_loss: Tensor
) -> list[Tensor | None]:
    def formula() -> Tensor:
        return masked_mse_formula(prediction, target, mask, mean)

    return differentiable_gradients(formula, (prediction, target), ctx.needs_input_grad[:2], grad_loss)


def _of_both(ctx: Any, grad: Tensor, target_dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
    """Prediction's gradient, and target's, which is its negative."""
    wanted = ctx.needs_input_grad
    return grad if wanted[0] else None, -grad.to(target_dtype) if wanted[1] else None


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    prediction, target, mask, ctx.mean, *_ = inputs
    _, grad, rest = output
    ctx.save_for_backward(grad, rest, prediction, target, mask)


def _backward_of_op(ctx: Any, grad_loss: Tensor, *_others: Tensor) -> tuple[Tensor | None, ...]:
    grad, rest, prediction, target, mask = ctx.saved_tensors
    if torch.is_grad_enabled():  # create_graph
        return *_differentiable(ctx, prediction, target, mask, ctx.mean, grad_loss), *(None,) * 4
    factor = tied(grad_loss, prediction if ctx.needs_input_grad[0] else target) * rest
    return *_of_both(ctx, (grad * factor).to(grad.dtype), target.dtype), *(None,) * 4


torch.library.register_autograd("fastssl::masked_mse_forward", _backward_of_op, setup_context=_setup_context)
