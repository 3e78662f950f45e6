"""NT-Xent as two operators of torch: which implementation runs, what the compiler sees, and gradients.

Covers: the choice between Triton and torch, registration with torch.library, autograd. Does not cover: checks and
reduction (op.py), the maths (reference.py, kernel.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.nt_xent.reference import (
    NTXentResult,
    accumulator,
    nt_xent_backward_reference,
    nt_xent_formula,
    nt_xent_forward_reference,
)
from fastssl.kernels.second_order import differentiable_gradients, tied

# Embeddings from which "auto" takes the kernels. Fewer fill only part of a GPU: 256 make 8 programs for the 132
# processors of an H100, and the time goes into launches either way. Not yet measured on a GPU (bench/kernels).
FEWEST_FOR_TRITON = 1024


def nt_xent_rows(embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> Tensor:
    """The loss of each row [N]."""
    if torch.compiler.is_compiling() or embeddings.is_meta:
        loss, *_ = _forward_op(embeddings, temperature, normalize, impl)
        return loss
    return NTXentFunction.apply(embeddings, temperature, normalize, impl)


def _forward(embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> NTXentResult:
    if _runs_triton(impl, embeddings):
        from fastssl.kernels.nt_xent.launch import launch_forward  # here, so that Triton stays optional

        return launch_forward(embeddings, temperature, normalize)
    with torch.autocast(embeddings.device.type, enabled=False):
        return nt_xent_forward_reference(embeddings, temperature, normalize)


def _forward_fake(embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> tuple[Tensor, ...]:
    n_rows, dtype = embeddings.shape[0], accumulator(embeddings)
    loss, lse = (embeddings.new_empty(n_rows, dtype=dtype) for _ in range(2))
    unit = embeddings.new_empty(embeddings.shape if normalize else 0)
    norm = embeddings.new_empty(n_rows if normalize else 0, dtype=dtype)
    return loss, lse, unit, norm


def _backward(forward: NTXentResult, grad_loss: Tensor, temperature: float, normalize: bool, impl: str) -> Tensor:
    if _runs_triton(impl, forward.unit):
        from fastssl.kernels.nt_xent.launch import launch_backward  # here, so that Triton stays optional

        return launch_backward(forward, grad_loss, temperature, normalize)
    with torch.autocast(forward.unit.device.type, enabled=False):
        return nt_xent_backward_reference(forward, grad_loss, temperature, normalize)


# torch.library takes tensors, numbers and strings alone: only here is what the forward pass returned a list. Logits are
# left out: whether they are kept depends on the number of rows, and a compiled graph is for any.
def _forward_registered(embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> tuple[Tensor, ...]:
    return _forward(embeddings, temperature, normalize, impl)[:-1]


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
    _forward_registered,
    _forward_fake,
)
_backward_op = register_op(
    "nt_xent_backward(Tensor loss, Tensor lse, Tensor unit, Tensor norm, Tensor grad_loss, float temperature, "
    "bool normalize, str impl) -> Tensor",
    _backward_registered,
    _backward_fake,
)


def _keep(
    ctx: Any, embeddings: Tensor, result: tuple[Tensor | None, ...], temperature: float, normalize: bool, impl: str
) -> None:
    """Keep the logits, where the result holds them, and what backward computes them from again."""
    loss, lse, unit, norm, *logits = result
    ctx.save_for_backward(embeddings, loss, lse, unit if normalize else embeddings, norm, *logits)
    ctx.settings = (temperature, normalize, impl)


def _gradient(ctx: Any, grad_loss: Tensor, run: Callable[..., Tensor]) -> Tensor | None:
    """Of the embeddings; from the plain formula where it must be differentiable again."""
    embeddings, *forward = ctx.saved_tensors
    if not torch.is_grad_enabled():
        return run(NTXentResult(*forward), grad_loss, *ctx.settings).to(embeddings.dtype)
    temperature, normalize, _ = ctx.settings  # create_graph

    def formula() -> Tensor:
        return nt_xent_formula(embeddings, temperature, normalize)

    return differentiable_gradients(formula, (embeddings,), (True,), grad_loss)[0]


def _by_backward_op(forward: NTXentResult, grad_loss: Tensor, *settings: Any) -> Tensor:
    return _backward_op(*forward[:-1], grad_loss, *settings)


class NTXentFunction(torch.autograd.Function):
    """Loss per row. Backward has the logits, or computes them again: any weighting of the rows costs the same."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, temperature: float, normalize: bool, impl: str) -> Tensor:
        """Compute the loss [N]."""
        result = _forward(embeddings, temperature, normalize, impl)
        _keep(ctx, embeddings, result, temperature, normalize, impl)
        return result.loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient of the weighted sum of the rows' losses."""
        return _gradient(ctx, grad_loss, _backward), None, None, None


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    embeddings, *settings = inputs
    _keep(ctx, embeddings, output, *settings)


def _backward_of_op(ctx: Any, grad_loss: Tensor, *_others: Tensor) -> tuple[Tensor | None, ...]:
    if not torch.is_grad_enabled():
        grad_loss = tied(grad_loss, ctx.saved_tensors[0])
    return _gradient(ctx, grad_loss, _by_backward_op), None, None, None


torch.library.register_autograd("fastssl::nt_xent_forward", _backward_of_op, setup_context=_setup_context)
