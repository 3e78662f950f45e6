"""Batch norm of parts of a batch by torch's own kernel, written into one output: eager mode on a CPU and on CUDA.

Covers: forward, backward, double backward. Does not cover: `torch.compile` (reference.py).

`torch.cat` of normalised parts writes every activation twice, and the gradient of `tensor_split` fills a whole batch
with zeros for each part and adds them up: with 8 parts, forward and backward of ResNet-18's batch norms take 1.8 to
3.6 times as long on one core as here (`bench/models/test_batch_norm.py`; AMD EPYC of family 26, torch 2.14.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

_normalize = torch.ops.aten.native_batch_norm.out
_gradients = torch.ops.aten.native_batch_norm_backward.default


def normalize_parts(
    x: Tensor,
    groups: int,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float | None,
    eps: float,
    seen: Tensor | None,
) -> Tensor:
    """`grouped_batch_norm` (op.py) for checked arguments. With momentum None the host waits for `seen`."""
    groups = min(groups, len(x))
    if momentum is not None:
        momenta = [momentum] * groups
    else:
        held = 0 if seen is None else int(seen)
        momenta = [1.0 / (held + part) for part in range(1, groups + 1)]
    return _NormalizeParts.apply(x, weight, bias, running_mean, running_var, momenta, eps)


class _NormalizeParts(torch.autograd.Function):
    """Batch norm of one part for each of `momenta`; keeps x, weight and the statistics `[G, C]` of the parts."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        momenta: list[float],
        eps: float,
    ) -> Tensor:
        groups = len(momenta)
        output = torch.empty_like(x)
        dtype = _statistics_dtype(x, weight, running_mean)
        means, scales = (torch.empty(groups, x.shape[1], dtype=dtype, device=x.device) for _ in range(2))
        tensors = (x.tensor_split(groups), output.tensor_split(groups), means.unbind(), scales.unbind())
        for part, out, mean, scale, momentum in zip(*tensors, momenta, strict=True):
            settings = (weight, bias, running_mean, running_var, True, momentum, eps)
            _normalize(part, *settings, out=out, save_mean=mean, save_invstd=scale)
        ctx.save_for_backward(x, weight, means, scales)
        ctx.eps = eps
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = ctx.saved_tensors[0]
        if (
            grad.stride() != x.stride()
        ):  # torch's kernel for mixed layouts takes as long as the copy, and adds up in bf16
            grad = torch.empty_like(x).copy_(grad)
        grads = _gradients_of_parts(grad, *ctx.saved_tensors, ctx.eps, ctx.needs_input_grad[:3])
        if torch.is_grad_enabled():  # create_graph: writing in place would lose the gradient of the gradient
            grads_x, grads_weight, grads_bias = zip(*grads, strict=True)
            grad_x = None if grads_x[0] is None else torch.cat(grads_x)
        else:
            grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
            grads_weight, grads_bias = _write(grads, grad_x, groups=len(ctx.saved_tensors[2]))
        return grad_x, _total(grads_weight), _total(grads_bias), None, None, None, None


def _statistics_dtype(x: Tensor, weight: Tensor | None, running_mean: Tensor | None) -> torch.dtype:
    """What torch's kernel keeps statistics in: on a CPU the parameters' dtype, on CUDA at least float32."""
    if x.is_cuda:
        return torch.promote_types(x.dtype, torch.float32)
    parameter = weight if weight is not None else running_mean
    return x.dtype if parameter is None else parameter.dtype


def _gradients_of_parts(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    means: Tensor,
    scales: Tensor,
    eps: float,
    wanted: tuple[bool, bool, bool],
) -> Iterator[tuple[Tensor | None, Tensor | None, Tensor | None]]:
    """Of each part, the gradients of x, weight and bias; None where not wanted."""
    groups = len(means)
    tensors = (grad.tensor_split(groups), x.tensor_split(groups), means.unbind(), scales.unbind())
    for piece, part, mean, scale in zip(*tensors, strict=True):
        yield _gradients(piece, part, weight, None, None, mean, scale, True, eps, wanted)


def _write(
    grads: Iterator[tuple[Tensor | None, Tensor | None, Tensor | None]], grad_x: Tensor | None, groups: int
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """Copy each part's gradient of x while it is in the cache; returns those of weight and bias, part by part."""
    targets = [None] * groups if grad_x is None else grad_x.tensor_split(groups)
    grads_weight, grads_bias = [], []
    for target, (part, weight, bias) in zip(targets, grads, strict=True):
        if target is not None:
            target.copy_(part)
        grads_weight.append(weight)
        grads_bias.append(bias)
    return grads_weight, grads_bias


def _total(parts: Sequence[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.stack(present).sum(0) if present else None
