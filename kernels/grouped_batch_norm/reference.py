"""Batch norm of parts of a batch as one formula in plain torch: what the compiler sees, and devices without parts.py.

Covers: output, gradients of any order, running statistics in closed form, batches of any size. Does not cover: speed
without a compiler, which parts.py has.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

AXES = (1, 3, 4)
"""What statistics are taken over, of `[G, n, C, H, W]`."""


def grouped_batch_norm_reference(
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
    """`grouped_batch_norm` (op.py) for checked arguments."""
    # x.shape[0], where len(x) would tie a compiled graph to one batch size.
    if x.shape[0] < groups:
        groups = int(x.shape[0])
    size, longer = x.shape[0] // groups, int(x.shape[0] % groups)
    running = None if running_mean is None or running_var is None else (running_mean, running_var)
    if longer == 0:
        return _equal_parts(x, groups, running, weight, bias, momentum, eps, seen)
    cut = longer * (size + 1)  # as tensor_split has it, the first parts are the longer ones
    head, tail = x.split([cut, x.shape[0] - cut])  # not slices, whose gradient is a whole batch of zeros, row-major
    head = _equal_parts(head, longer, running, weight, bias, momentum, eps, seen)
    seen = None if seen is None else seen + longer
    return torch.cat([head, _equal_parts(tail, groups - longer, running, weight, bias, momentum, eps, seen)])


def _equal_parts(
    x: Tensor,
    groups: int,
    running: tuple[Tensor, Tensor] | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float | None,
    eps: float,
    seen: Tensor | None,
) -> Tensor:
    """Batch norm of parts of one size."""
    with torch.no_grad():
        variance, mean = _statistics(x, groups)
        if running is not None:
            count = _values(x, groups)
            _move(running[0], mean.view(groups, -1), momentum, seen)
            _move(running[1], variance.view(groups, -1) * (count / (count - 1)), momentum, seen)
        scale = (variance + eps).rsqrt()
    return _Normalize.apply(x, weight, bias, mean, scale, eps)


class _Normalize(torch.autograd.Function):
    """(x - mean) * scale * weight + bias, where mean and scale follow from x.

    The gradient is that of Ioffe and Szegedy (ICML 2015, section 3), sorted so that it reads x and its own input twice,
    once for both sums and once for the result. Reductions see `[G, n, C, H, W]`; what is done to single values is
    written for `[B, C, H, W]`, because Inductor would write a gradient of five dimensions row by row and then copy it
    to channels-last (torch 2.14.1, read in its output).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, scale: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.eps = eps
        size = x.shape[0] // mean.shape[0]
        output = (_wide(x) - _per_image(mean, size)) * _per_image(_weighted(scale, weight), size)
        if bias is not None:
            output = output + bias.view(1, -1, 1, 1)
        return output.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        groups = mean.shape[0]
        if torch.is_grad_enabled():  # create_graph: the statistics depend on x too
            variance, mean = _statistics(x, groups)
            scale = (variance + ctx.eps).rsqrt()
        count, size = _values(x, groups), x.shape[0] // groups
        wide, grad = _wide(x), _wide(grad)
        parts = _parts(grad, groups)
        total = parts.sum(AXES, keepdim=True)
        product = (parts * (_parts(wide, groups) - mean)).sum(AXES, keepdim=True) * scale
        along = (wide - _per_image(mean, size)) * _per_image(product * scale / count, size)
        grad_x = (grad - _per_image(total / count, size) - along) * _per_image(_weighted(scale, weight), size)
        wanted = ctx.needs_input_grad
        return (
            grad_x.to(x.dtype) if wanted[0] else None,
            product.sum(0).flatten() if wanted[1] else None,
            total.sum(0).flatten() if wanted[2] else None,
            None,
            None,
            None,
        )


def _statistics(x: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Biased variance and mean of each part and channel, `[G, 1, C, 1, 1]`."""
    return torch.var_mean(_parts(_wide(x), groups), AXES, correction=0, keepdim=True)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _parts(x: Tensor, groups: int) -> Tensor:
    return x.unflatten(0, (groups, -1))


def _values(x: Tensor, groups: int) -> int:
    """How many values there are of a channel in a part."""
    return x.shape[0] // groups * x.shape[2] * x.shape[3]


def _weighted(scale: Tensor, weight: Tensor | None) -> Tensor:
    return scale if weight is None else scale * weight.view(1, 1, -1, 1, 1)


def _per_image(statistic: Tensor, size: int) -> Tensor:
    """`[G, 1, C, 1, 1]` for each of the `size` images of every part: `[B, C, 1, 1]`."""
    return statistic.expand(-1, size, -1, -1, -1).flatten(0, 1)


def _move(running: Tensor, parts: Tensor, momentum: float | None, seen: Tensor | None) -> None:
    """Move `[C]` by the parts' statistics `[G, C]`, to where one step for each of them would take it."""
    groups = len(parts)
    if momentum is None:
        held = 0 if seen is None else seen
        running.copy_((running * held + parts.sum(0)) / (held + groups))
        return
    steps_left = torch.arange(groups - 1, -1, -1, device=parts.device, dtype=parts.dtype)
    weights = momentum * (1.0 - momentum) ** steps_left
    running.mul_((1.0 - momentum) ** groups).add_((weights.view(-1, 1) * parts).sum(0))
