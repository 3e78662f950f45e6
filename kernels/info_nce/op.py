"""InfoNCE with a queue of negatives: the public function.

Covers: checks, autocast and reduction. Does not cover: gradients (autograd.py), the maths (reference.py, kernel.py), or
writing keys into the queue. The gradient of the query is computed in the forward pass, so backward never reads the
queue: whoever owns it may overwrite it in place at any time after the loss has been returned.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor

from fastssl.kernels.checks import (
    IMPLEMENTATIONS,
    MAX_WIDTH,
    REDUCTIONS,
    check_choice,
    check_floating,
    check_same_device,
    check_temperature,
)
from fastssl.kernels.dispatch import autocast
from fastssl.kernels.info_nce.autograd import InfoNCEFunction
from fastssl.kernels.info_nce.options import InfoNCEOptions


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
    loss, rank = InfoNCEFunction.apply(query, key, queue, float(temperature), options, impl)
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
