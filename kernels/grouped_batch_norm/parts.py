"""Batch norm of parts of a batch by torch's own kernel, written into one output: eager mode on a CPU and on CUDA.

Covers: forward, backward, double backward. Does not cover: `torch.compile` (reference.py).

`torch.cat` of normalised parts writes every activation twice, and the gradient of `tensor_split` fills a whole batch
with zeros for each part and adds them up: with 8 parts, forward and backward of ResNet-18's batch norms take about 2
to 3 times as long as here (`bench/kernels/test_grouped_batch_norm.py`, CPU time of one thread of a busy AMD EPYC of
family 26, torch 2.14.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

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
            torch.native_batch_norm(part, *settings, out=(out, mean, scale))
        ctx.save_for_backward(x, weight, means, scales)
        ctx.eps = eps
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, means, scales = ctx.saved_tensors
        if grad.stride() != x.stride():
            # The copy costs what torch's kernel loses on mixed layouts; that one also adds half precision up in it.
            grad = torch.empty_like(x).copy_(grad)
        wanted = ctx.needs_input_grad[:3]
        grads = _gradients_of_parts(grad, x, weight, means, scales, ctx.eps, wanted)
        grads_weight: list[Tensor | None] = []
        grads_bias: list[Tensor | None] = []
        if torch.is_grad_enabled():  # create_graph: writing in place would lose the gradient of the gradient
            grads_x, grads_weight, grads_bias = map(list, zip(*grads, strict=True))
            grad_x = torch.cat(grads_x) if wanted[0] else None
        else:
            grad_x = torch.empty_like(x) if wanted[0] else None
            targets = [None] * len(means) if grad_x is None else grad_x.tensor_split(len(means))
            for target, (part, of_weight, of_bias) in zip(targets, grads, strict=True):
                if target is not None:
                    target.copy_(part)  # while it is in the processor's cache
                grads_weight.append(of_weight)
                grads_bias.append(of_bias)
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
) -> Iterator[tuple[Tensor, Tensor | None, Tensor | None]]:
    """Of each part, the gradients of x, weight and bias; what is not `wanted` is None."""
    groups = len(means)
    tensors = (grad.tensor_split(groups), x.tensor_split(groups), means.unbind(), scales.unbind())
    for piece, part, mean, scale in zip(*tensors, strict=True):
        yield _gradients(piece, part, weight, None, None, mean, scale, True, eps, wanted)


def _total(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.stack(present).sum(0) if present else None
