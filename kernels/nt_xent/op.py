"""NT-Xent within a batch: the public function.

Covers: checks, autocast, reduction, autograd and registration. Does not cover: the maths (reference.py, kernel.py), or
gathering embeddings from other processes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fastssl.kernels.checks import (
    IMPLEMENTATIONS,
    MAX_WIDTH,
    REDUCTIONS,
    check_choice,
    check_floating,
    check_temperature,
)
from fastssl.kernels.dispatch import autocast, register_op, runs_triton
from fastssl.kernels.nt_xent.reference import (
    NTXentResult,
    accumulator,
    nt_xent_backward_reference,
    nt_xent_forward_reference,
)

# Embeddings from which "auto" takes the kernels. Fewer fill only part of a GPU: 256 make 8 programs for the 132
# processors of an H100, and the time goes into launches either way. Not yet measured on a GPU (bench/kernels).
FEWEST_FOR_TRITON = 1024


def nt_xent(
    embeddings: Tensor,
    temperature: float = 0.1,
    *,
    normalize: bool = True,
    reduction: str = "mean",
    impl: str = "auto",
) -> Tensor:
    """Compute the NT-Xent loss of 2B embeddings in which i and i + B are two views of one image (SimCLR).

    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, equation 1. Each
    embedding is classified among the 2B - 1 others. The [2B, 2B] logits are never stored; backward computes them a
    second time. Accumulates in float32 whatever the inputs are (float64 in float64).

    Args:
        embeddings: [2B, D], B >= 1, D <= 256, floating point.
        temperature: positive number by which all logits are divided.
        normalize: L2-normalise the rows first.
        reduction: "mean" over the 2B losses, "sum", or "none" (loss [2B]).
        impl: "auto", "triton" or "torch", as for `info_nce`, but that auto leaves fewer than 1024 embeddings to torch.

    Returns:
        The loss in float32 (float64 for float64 inputs): a scalar, or [2B] for "none".

    Raises:
        TypeError: the embeddings are not a floating-point tensor, or the temperature is not a number.
        ValueError: shapes or settings do not fit, or Triton is asked for where it cannot run.
    """
    check_floating(embeddings=embeddings)
    check_temperature(temperature)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("impl", impl, IMPLEMENTATIONS)
    if embeddings.dim() != 2 or not 1 <= embeddings.shape[1] <= MAX_WIDTH:
        raise ValueError(f"embeddings must be [2B, D] with 1 <= D <= {MAX_WIDTH}, got {list(embeddings.shape)}")
    if embeddings.shape[0] < 2 or embeddings.shape[0] % 2:
        raise ValueError(f"embeddings must have an even number of rows, two views each, got {embeddings.shape[0]}")
    (embeddings,) = autocast(embeddings)
    loss = _NTXent.apply(embeddings, float(temperature), normalize, impl)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def _forward(embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> NTXentResult:
    if _runs_triton(impl, embeddings):
        from fastssl.kernels.nt_xent.launch import launch_forward  # here, so that Triton stays optional

        return launch_forward(embeddings, temperature, normalize)
    with torch.autocast(embeddings.device.type, enabled=False):
        return nt_xent_forward_reference(embeddings, temperature, normalize)


def _forward_fake(embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> NTXentResult:
    n_rows, dtype = embeddings.shape[0], accumulator(embeddings)
    loss, lse = (embeddings.new_empty(n_rows, dtype=dtype) for _ in range(2))
    unit = embeddings.new_empty(embeddings.shape if normalize else 0)
    norm = embeddings.new_empty(n_rows if normalize else 0, dtype=dtype)
    return NTXentResult(loss=loss, lse=lse, unit=unit, norm=norm)


def _backward(forward: NTXentResult, grad_loss: Tensor, temperature: float, normalize: bool, impl: str) -> Tensor:
    if _runs_triton(impl, forward.unit):
        from fastssl.kernels.nt_xent.launch import launch_backward  # here, so that Triton stays optional

        return launch_backward(forward, grad_loss, temperature, normalize)
    with torch.autocast(forward.unit.device.type, enabled=False):
        return nt_xent_backward_reference(forward, grad_loss, temperature, normalize)


# torch.library takes tensors, numbers and strings alone: only here is what the forward pass returned a list.
def _backward_registered(
    loss: Tensor,
    lse: Tensor,
    unit: Tensor,
    norm: Tensor,
    grad_loss: Tensor,
    temperature: float,
    normalize: bool,
    impl: str,
) -> Tensor:
    return _backward(NTXentResult(loss, lse, unit, norm), grad_loss, temperature, normalize, impl)


def _backward_fake(
    loss: Tensor,
    lse: Tensor,
    unit: Tensor,
    norm: Tensor,
    grad_loss: Tensor,
    temperature: float,
    normalize: bool,
    impl: str,
) -> Tensor:
    return unit.new_empty(unit.shape, dtype=lse.dtype)


def _runs_triton(impl: str, embeddings: Tensor) -> bool:
    """Both passes ask with as many rows, so that they agree."""
    if impl == "auto" and embeddings.shape[0] < FEWEST_FOR_TRITON:
        return False
    return runs_triton(impl, embeddings, products=True)


_forward_op = register_op(
    "nt_xent_forward(Tensor embeddings, float temperature, bool normalize, str impl) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    _forward,
    _forward_fake,
)
_backward_op = register_op(
    "nt_xent_backward(Tensor loss, Tensor lse, Tensor unit, Tensor norm, Tensor grad_loss, float temperature, "
    "bool normalize, str impl) -> Tensor",
    _backward_registered,
    _backward_fake,
)


class _NTXent(torch.autograd.Function):
    """Loss per row. Backward computes the logits again, so any weighting of the rows costs the same."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> Tensor:
        run = _forward_op if torch.compiler.is_compiling() else _forward
        loss, lse, unit, norm = run(embeddings, temperature, normalize, impl)
        ctx.save_for_backward(loss, lse, unit if normalize else embeddings, norm)
        ctx.settings = (temperature, normalize, impl)
        ctx.dtype = embeddings.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        if torch.compiler.is_compiling():
            grad = _backward_op(*ctx.saved_tensors, grad_loss, *ctx.settings)
        else:
            grad = _backward(NTXentResult(*ctx.saved_tensors), grad_loss, *ctx.settings)
        return grad.to(ctx.dtype), None, None, None
