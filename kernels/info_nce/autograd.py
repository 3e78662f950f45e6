"""InfoNCE as an operator of torch: which implementation runs, what the compiler sees, and gradients.

Covers: the choice between Triton and torch, registration with torch.library, autograd. Does not cover: checks and
reduction (op.py), the maths (reference.py, kernel.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.info_nce.options import InfoNCEOptions
from fastssl.kernels.info_nce.reference import InfoNCEResult, info_nce_reference


def _forward(
    query: Tensor, key: Tensor, queue: Tensor, temperature: float, options: InfoNCEOptions, impl: str
) -> InfoNCEResult:
    if not runs_triton(impl, query, key, queue, products=True):
        with torch.autocast(query.device.type, enabled=False):
            return info_nce_reference(query, key, queue, temperature, options)
    from fastssl.kernels.info_nce.launch import launch_info_nce  # here, so that a machine without Triton gets this far

    return launch_info_nce(query, key, queue, temperature, options)


# torch.library takes numbers, strings and tensors alone: only here are the options a list.
def _registered(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float,
    normalize: bool,
    query_grad: bool,
    key_grad: bool,
    rank: bool,
    impl: str,
) -> InfoNCEResult:
    options = InfoNCEOptions(normalize=normalize, query_grad=query_grad, key_grad=key_grad, rank=rank)
    return _forward(query, key, queue, temperature, options, impl)


def _fake(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float,
    normalize: bool,
    query_grad: bool,
    key_grad: bool,
    rank: bool,
    impl: str,
) -> InfoNCEResult:
    n_rows = query.shape[0]
    double = torch.float64 in (query.dtype, key.dtype, queue.dtype)
    dtype = torch.float64 if double else torch.float32
    return InfoNCEResult(
        loss=query.new_empty(n_rows, dtype=dtype),
        grad_query=query.new_empty(query.shape if query_grad else 0, dtype=dtype),
        grad_key=query.new_empty(query.shape if key_grad else 0, dtype=dtype),
        rank=query.new_empty(n_rows if rank else 0, dtype=torch.int64),
    )


_forward_op = register_op(
    "info_nce_forward(Tensor query, Tensor key, Tensor queue, float temperature, bool normalize, bool query_grad, "
    "bool key_grad, bool rank, str impl) -> (Tensor, Tensor, Tensor, Tensor)",
    _registered,
    _fake,
)


class InfoNCEFunction(torch.autograd.Function):
    """Per-row loss and rank; the gradients of the rows are made here and only scaled in backward."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, queue: Tensor, temperature: float, options: InfoNCEOptions, impl: str
    ) -> tuple[Tensor, Tensor]:
        """Compute loss and rank [B], and keep the gradients of the rows."""
        if torch.compiler.is_compiling():
            flags = (options.normalize, options.query_grad, options.key_grad, options.rank)
            loss, grad_query, grad_key, rank = _forward_op(query, key, queue, temperature, *flags, impl)
        else:
            loss, grad_query, grad_key, rank = _forward(query, key, queue, temperature, options, impl)
        ctx.save_for_backward(grad_query, grad_key)
        ctx.wanted = (options.query_grad, options.key_grad)
        ctx.dtypes = (query.dtype, key.dtype)
        ctx.mark_non_differentiable(rank)
        return loss, rank

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, _grad_rank: Tensor | None) -> tuple[Tensor | None, ...]:
        """Scale the gradients of the rows."""
        grads = [
            (grad_loss.unsqueeze(1) * rows).to(dtype) if want else None
            for rows, want, dtype in zip(ctx.saved_tensors, ctx.wanted, ctx.dtypes, strict=True)
        ]
        return *grads, None, None, None, None
