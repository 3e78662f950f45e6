"""InfoNCE with a queue of negatives: the public function.

Covers: checks, autocast, reduction, autograd and registration. Does not cover: the maths (reference.py, kernel.py), or
writing keys into the queue. The gradient of the query is computed in the forward pass, so backward never reads the
queue: whoever owns it may overwrite it in place at any time after the loss has been returned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fastssl.kernels.checks import (
    IMPLEMENTATIONS,
    MAX_WIDTH,
    REDUCTIONS,
    check_choice,
    check_floating,
    check_same_device,
    check_temperature,
)
from fastssl.kernels.dispatch import autocast, register_op, runs_triton
from fastssl.kernels.info_nce.reference import info_nce_reference


class InfoNCEStats(NamedTuple):
    """How often the positive's logit is among the largest one (`top1`) or five (`top5`): fp32 scalars in [0, 1].

    A tie counts against the positive, so that a collapsed encoder does not read as a perfect one.
    """

    top1: Tensor
    top5: Tensor


def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: bool = False,
) -> Tensor | tuple[Tensor, InfoNCEStats]:
    """InfoNCE of each query with its key as positive and the queue as negatives (MoCo: He et al. 2020, eq. 1).

    Equals `cross_entropy(cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature, zeros)` without
    the [B, 1 + K] logits. Accumulates in float32 whatever the inputs are (float64 in float64).

    Args:
        query: [B, D], D <= 256; receives a gradient.
        key: [B, D]; receives a gradient if it requires one (MoCo's does not).
        queue: [K, D] row-major, a constant. On a GPU store it in the compute dtype (bfloat16): the kernel multiplies
            in the queue's dtype and never copies it.
        temperature: positive.
        normalize: L2-normalise query and key here, for free; the queue is taken as it is stored.
        reduction: "mean", "sum" or "none" (loss [B]).
        impl: "auto", "triton" or "torch". Auto is Triton on CUDA, but torch on a CPU, in float64, and in float32
            unless torch may use tf32 (`torch.set_float32_matmul_precision("high")`). No batch is too small for it: two
            launches are fewer than the plain form's dozen, and slices of the queue keep the device busy.
        return_stats: also return `InfoNCEStats`. Counting ranks makes the pass slower: ask every n steps.

    Returns:
        The loss in float32 (float64 for float64 inputs), or the loss and its statistics.

    Raises:
        TypeError: a dtype that is not floating point. ValueError: shapes, devices or settings that do not fit.
    """
    _check(query, key, queue, temperature, reduction, impl)
    query, key = autocast(query, key)
    tracked = torch.is_grad_enabled()
    loss, rank = _InfoNCE.apply(
        query,
        key,
        queue,
        float(temperature),
        normalize,
        tracked and query.requires_grad,
        tracked and key.requires_grad,
        return_stats,
        impl,
    )
    if reduction != "none":
        loss = loss.mean() if reduction == "mean" else loss.sum()
    if not return_stats:
        return loss
    return loss, InfoNCEStats((rank < 1).float().mean(), (rank < 5).float().mean())


def _check(query: Tensor, key: Tensor, queue: Tensor, temperature: float, reduction: str, impl: str) -> None:
    check_floating(query=query, key=key, queue=queue)
    check_same_device(query=query, key=key, queue=queue)
    check_temperature(temperature)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("impl", impl, IMPLEMENTATIONS)
    if query.dim() != 2 or query.shape[0] < 1 or not 1 <= query.shape[1] <= MAX_WIDTH:
        raise ValueError(f"query must be [B, D] with B >= 1 and 1 <= D <= {MAX_WIDTH}, got {list(query.shape)}")
    if key.shape != query.shape:
        raise ValueError(f"key must have query's shape {list(query.shape)}, got {list(key.shape)}")
    if queue.dim() != 2 or queue.shape[0] < 1 or queue.shape[1] != query.shape[1]:
        raise ValueError(f"queue must be [K, {query.shape[1]}] with K >= 1, got {list(queue.shape)}")
    if queue.requires_grad:
        raise ValueError("queue must not require a gradient: it is a constant of the loss; pass queue.detach()")


def _forward(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float,
    normalize: bool,
    want_query_grad: bool,
    want_key_grad: bool,
    want_rank: bool,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    wanted = (want_query_grad, want_key_grad, want_rank)
    if not runs_triton(impl, query, key, queue, products=True):
        with torch.autocast(query.device.type, enabled=False):
            return info_nce_reference(query, key, queue, temperature, normalize, *wanted)
    from fastssl.kernels.info_nce.launch import launch_info_nce  # here, so that a machine without Triton gets this far

    return launch_info_nce(query, key, queue, temperature, normalize, *wanted)


def _fake(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float,
    normalize: bool,
    want_query_grad: bool,
    want_key_grad: bool,
    want_rank: bool,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    double = torch.float64 in (query.dtype, key.dtype, queue.dtype)
    dtype = torch.float64 if double else torch.float32
    grad_query, grad_key = (
        query.new_empty(query.shape if want else 0, dtype=dtype) for want in (want_query_grad, want_key_grad)
    )
    rank = query.new_empty(query.shape[0] if want_rank else 0, dtype=torch.int64)
    return query.new_empty(query.shape[0], dtype=dtype), grad_query, grad_key, rank


_forward_op = register_op(
    "info_nce_forward(Tensor query, Tensor key, Tensor queue, float temperature, bool normalize, bool want_query_grad, "
    "bool want_key_grad, bool want_rank, str impl) -> (Tensor, Tensor, Tensor, Tensor)",
    _forward,
    _fake,
)


class _InfoNCE(torch.autograd.Function):
    """Per-row loss and rank; the gradients of the rows are made here and only scaled in backward."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        queue: Tensor,
        temperature: float,
        normalize: bool,
        want_query_grad: bool,
        want_key_grad: bool,
        want_rank: bool,
        impl: str,
    ) -> tuple[Tensor, Tensor]:
        run = _forward_op if torch.compiler.is_compiling() else _forward
        wanted = (want_query_grad, want_key_grad, want_rank)
        loss, grad_query, grad_key, rank = run(query, key, queue, temperature, normalize, *wanted, impl)
        ctx.save_for_backward(grad_query, grad_key)
        ctx.wanted = (want_query_grad, want_key_grad)
        ctx.dtypes = (query.dtype, key.dtype)
        ctx.mark_non_differentiable(rank)
        return loss, rank

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, _grad_rank: Tensor | None) -> tuple[Tensor | None, ...]:
        grads = [
            (grad_loss.unsqueeze(1) * rows).to(dtype) if want else None
            for rows, want, dtype in zip(ctx.saved_tensors, ctx.wanted, ctx.dtypes, strict=True)
        ]
        return *grads, None, None, None, None, None, None, None
