"""InfoNCE with a queue of negatives: the public function.

Covers: checks, autocast, reduction, autograd and registration. Does not cover: the maths (reference.py, kernel.py), or
writing keys into the queue. The gradient of the query is computed in the forward pass, so backward never reads the
queue: whoever owns it may overwrite it in place at any time after the loss has been returned.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

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
from fastssl.kernels.info_nce.options import InfoNCEOptions
from fastssl.kernels.info_nce.reference import InfoNCEResult, info_nce_reference


class InfoNCEStats(NamedTuple):
    """How often the positive's logit is among the largest. A tie counts against the positive.

    So a collapsed encoder, all of whose logits are equal, does not look like a perfect one. It is a tuple, so that
    `torch.compile` can return it.

    Args:
        top1: share of the rows whose positive has the largest logit: fp32 scalar in [0, 1].
        top5: share of the rows whose positive is among the five largest: fp32 scalar in [0, 1].
    """

    top1: Tensor
    top5: Tensor


@overload
def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: Literal[False] = False,
) -> Tensor: ...


@overload
def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: Literal[True],
) -> tuple[Tensor, InfoNCEStats]: ...


@overload
def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: float = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: bool,
) -> Tensor | tuple[Tensor, InfoNCEStats]: ...


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
    """Compute InfoNCE of each query with its key as positive and the queue as negatives (MoCo).

    He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, equation 1. Equals
    `cross_entropy(cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature, zeros)` without the
    [B, 1 + K] logits. Accumulates in float32 whatever the inputs are (float64 in float64).

    Args:
        query: [B, D], D <= 256; receives a gradient.
        key: [B, D]; receives a gradient if it requires one (MoCo's does not).
        queue: [K, D] row-major, a constant. On a GPU store it in the compute dtype (bfloat16): the kernel multiplies
            in the queue's dtype and never copies it.
        temperature: positive number by which all logits are divided.
        normalize: L2-normalise query and key here, for free; the queue is taken as it is stored.
        reduction: "mean", "sum" or "none" (loss [B]).
        impl: "auto", "triton" or "torch". Auto is Triton on CUDA, but torch on a CPU, in float64, and in float32
            unless torch may use tf32 (`torch.set_float32_matmul_precision("high")`). No batch is too small for it: two
            launches are fewer than the plain form's dozen, and slices of the queue keep the device busy.
        return_stats: also return `InfoNCEStats`. Counting ranks makes the pass slower: ask every n steps.

    Returns:
        The loss in float32 (float64 for float64 inputs): a scalar, or [B] for "none". With `return_stats` a pair: the
        loss and its statistics.

    Raises:
        TypeError: an operand is not a floating-point tensor, or the temperature is not a number.
        ValueError: shapes, devices or settings do not fit, or Triton is asked for where it cannot run.
    """
    _check(query, key, queue, temperature, reduction, impl)
    query, key = autocast(query, key)
    tracked = torch.is_grad_enabled()
    options = InfoNCEOptions(
        normalize=normalize,
        query_grad=tracked and query.requires_grad,
        key_grad=tracked and key.requires_grad,
        rank=return_stats,
    )
    loss, rank = _InfoNCE.apply(query, key, queue, float(temperature), options, impl)
    if reduction != "none":
        loss = loss.mean() if reduction == "mean" else loss.sum()
    if not return_stats:
        return loss
    return loss, InfoNCEStats(top1=(rank < 1).float().mean(), top5=(rank < 5).float().mean())


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


class _InfoNCE(torch.autograd.Function):
    """Per-row loss and rank; the gradients of the rows are made here and only scaled in backward."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, queue: Tensor, temperature: float, options: InfoNCEOptions, impl: str
    ) -> tuple[Tensor, Tensor]:
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
        grads = [
            (grad_loss.unsqueeze(1) * rows).to(dtype) if want else None
            for rows, want, dtype in zip(ctx.saved_tensors, ctx.wanted, ctx.dtypes, strict=True)
        ]
        return *grads, None, None, None, None
