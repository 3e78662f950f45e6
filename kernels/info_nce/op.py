"""InfoNCE with a queue of negatives: the public function.

Covers: checks, autocast and reduction. Does not cover: gradients (autograd.py), the maths (reference.py, kernel.py), or
writing keys into the queue. The gradient of the query is computed in the forward pass, so backward never reads the
queue: whoever owns it may overwrite it in place at any time after the loss has been returned.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, SupportsFloat, overload

import torch
from torch import Tensor

from fastssl.kernels.checks import (
    IMPLEMENTATIONS,
    MAX_WIDTH,
    REDUCTIONS,
    as_temperature,
    check_choice,
    check_constant,
    check_floating,
    check_same_device,
)
from fastssl.kernels.dispatch import autocast
from fastssl.kernels.info_nce.autograd import info_nce_rows
from fastssl.kernels.info_nce.options import InfoNCEOptions, SampleIds


class InfoNCEStats(NamedTuple):
    """How often the positive's logit is among the largest. A tie counts against the positive.

    So a collapsed encoder, all of whose logits are equal, does not look like a perfect one; nor does NaN. Rows of the
    queue that are the query's own sample are not counted. It is a tuple, so that `torch.compile` can return it.

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
    temperature: SupportsFloat = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: Literal[False] = False,
    query_ids: Tensor | None = None,
    queue_ids: Tensor | None = None,
) -> Tensor: ...


@overload
def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: SupportsFloat = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: Literal[True],
    query_ids: Tensor | None = None,
    queue_ids: Tensor | None = None,
) -> tuple[Tensor, InfoNCEStats]: ...


@overload
def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: SupportsFloat = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: bool,
    query_ids: Tensor | None = None,
    queue_ids: Tensor | None = None,
) -> Tensor | tuple[Tensor, InfoNCEStats]: ...


def info_nce(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    temperature: SupportsFloat = 0.2,
    *,
    normalize: bool = False,
    reduction: str = "mean",
    impl: str = "auto",
    return_stats: bool = False,
    query_ids: Tensor | None = None,
    queue_ids: Tensor | None = None,
) -> Tensor | tuple[Tensor, InfoNCEStats]:
    """Compute InfoNCE of each query with its key as positive and the queue as negatives (MoCo).

    He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, equation 1. Equals
    `cross_entropy(cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature, zeros)` without the
    [B, 1 + K] logits. Accumulates in float32 whatever the inputs are (float64 in float64).

    A queue holds older keys of the batch's own images, the more often the shorter an epoch is. With ids these are no
    negatives: they leave the sum of equation 1. A query that has no negative left has loss 0 and gradient 0.

    Gradients of any order. From the second on they come from the plain formula, with its logits; the queue has to be
    as it was for the loss then. Numbers that are not finite give a loss and gradients that are not; a zero vector is
    normalised as `torch.nn.functional.normalize` does it.

    Args:
        query: [B, D], D <= 256; receives a gradient.
        key: [B, D]; receives a gradient if it requires one (MoCo's does not).
        queue: [K, D] row-major, a constant. On a GPU store it in the compute dtype (bfloat16): the kernel multiplies
            in the queue's dtype and never copies it.
        temperature: number by which all logits are divided, from 1e-6 to 1e6; a 0-dim tensor is read on the host.
        normalize: L2-normalise query and key here, for free; the queue is taken as it is stored.
        reduction: "mean", "sum" or "none" (loss [B]).
        impl: "auto", "triton" or "torch". Auto is Triton on CUDA, but torch on a CPU, in float64, and in float32
            unless torch may use tf32 (`torch.set_float32_matmul_precision("high")`). No batch is too small for it: two
            launches are fewer than the plain form's dozen, and slices of the queue keep the device busy.
        return_stats: also return `InfoNCEStats`. Counting ranks makes the pass slower: ask every n steps.
        query_ids: [B] int64, which sample each query is; None: every row of the queue is a negative.
        queue_ids: [K] int64, which sample each row of the queue is, given with `query_ids`. Negative ids match nothing.

    Returns:
        The loss in float32 (float64 for float64 inputs): a scalar, or [B] for "none". With `return_stats` a pair: the
        loss and its statistics.

    Raises:
        TypeError: an operand is not a floating-point tensor, ids are not int64, or the temperature is not a number.
        ValueError: shapes, devices or settings do not fit, queue or temperature require a gradient, or Triton is asked
            for where it cannot run.
    """
    _check(query, key, queue, reduction, impl)
    temperature = as_temperature(temperature)
    ids = _checked_ids(query, queue, query_ids, queue_ids)
    query, key = autocast(query, key)
    tracked = torch.is_grad_enabled()
    options = InfoNCEOptions(
        normalize=normalize,
        query_grad=tracked and query.requires_grad,
        key_grad=tracked and key.requires_grad,
        rank=return_stats,
        mask_own=ids is not None,
    )
    loss, rank = info_nce_rows(query, key, queue, ids, temperature, options, impl)
    if reduction != "none":
        loss = loss.mean() if reduction == "mean" else loss.sum()
    if not return_stats:
        return loss
    return loss, InfoNCEStats(top1=(rank < 1).float().mean(), top5=(rank < 5).float().mean())


def _check(query: Tensor, key: Tensor, queue: Tensor, reduction: str, impl: str) -> None:
    check_floating(query=query, key=key, queue=queue)
    check_same_device(query=query, key=key, queue=queue)
    check_choice("reduction", reduction, REDUCTIONS)
    check_choice("impl", impl, IMPLEMENTATIONS)
    if query.dim() != 2 or query.shape[0] < 1 or not 1 <= query.shape[1] <= MAX_WIDTH:
        raise ValueError(f"query must be [B, D] with B >= 1 and 1 <= D <= {MAX_WIDTH}, got {list(query.shape)}")
    if key.shape != query.shape:
        raise ValueError(f"key must have query's shape {list(query.shape)}, got {list(key.shape)}")
    if queue.dim() != 2 or queue.shape[0] < 1 or queue.shape[1] != query.shape[1]:
        raise ValueError(f"queue must be [K, {query.shape[1]}] with K >= 1, got {list(queue.shape)}")
    check_constant(queue=queue)


def _checked_ids(query: Tensor, queue: Tensor, query_ids: Tensor | None, queue_ids: Tensor | None) -> SampleIds | None:
    if query_ids is None and queue_ids is None:
        return None
    if query_ids is None or queue_ids is None:
        raise ValueError("query_ids and queue_ids must both be given, or neither")
    check_same_device(query=query, query_ids=query_ids, queue_ids=queue_ids)
    for name, ids, rows in (("query_ids", query_ids, query), ("queue_ids", queue_ids, queue)):
        if ids.dtype != torch.int64:
            raise TypeError(f"{name} must be int64, got {ids.dtype}")
        if ids.shape != rows.shape[:1]:
            raise ValueError(f"{name} must be [{rows.shape[0]}], one per row, got {list(ids.shape)}")
    return SampleIds(query_ids, queue_ids)
