"""Batch norm of 2 and 8 parts of a batch, against normalising each part by itself, and against one plain batch norm.

Covers: time and peak memory, forward and backward, of all batch norms of a ResNet-18 (standard stem) in training, on
activations of random numbers, channels-last, batch 128. The bytes are the fewest: x read and y written, then x and the
gradient read and its own written. Parts are small: one thread does as well. GPU figures: not
yet measured. Does not cover: the network around them, into which a compiler would fuse them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.harness import Comparison, Work, best_device
from bench.harness.machine import multiplies_bf16
from fastssl.kernels import grouped_batch_norm

ON_GPU = best_device() == "cuda"
BATCH = 128
# Side of the images -> channels, side of the map, and how many batch norms see such a map.
LAYERS = {
    28: [(64, 14, 1), (64, 7, 4), (128, 4, 5), (256, 2, 5), (512, 1, 5)],
    64: [(64, 32, 1), (64, 16, 4), (128, 8, 5), (256, 4, 5), (512, 2, 5)],
}

Norm = Callable[[Tensor, int, Tensor, Tensor, Tensor, Tensor], Tensor]


def grouped(x: Tensor, groups: int, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return grouped_batch_norm(x, groups, mean, var, weight, bias)


def cat_of_parts(x: Tensor, groups: int, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As it is usually written."""
    return torch.cat([F.batch_norm(part, mean, var, weight, bias, training=True) for part in x.tensor_split(groups)])


def plain(x: Tensor, groups: int, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Without parts: another function, and the least that can be expected."""
    return F.batch_norm(x, mean, var, weight, bias, training=True)


def activations(size: int, dtype: torch.dtype, device: str) -> list[tuple[list[Tensor], Tensor]]:
    """For every batch norm: x, running mean and variance, weight and bias; and the gradient of its output."""
    layers = []
    for channels, side, count in LAYERS[size]:
        for _ in range(count):
            x, grad = torch.randn(2, BATCH, channels, side, side, device=device, dtype=dtype).unbind()
            x, grad = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, grad))
            rows = [torch.ones(channels, device=device) for _ in range(4)]
            layers.append(([x.requires_grad_(), *rows[:2], *(row.requires_grad_() for row in rows[2:])], grad))
    return layers


OWN_DTYPE = torch.bfloat16 if multiplies_bf16() else torch.float32
CASES = [
    pytest.param(size, dtype, marks=() if size == 28 and dtype == OWN_DTYPE else pytest.mark.full)
    for size in LAYERS
    for dtype in (torch.float32, torch.bfloat16)
]


@pytest.mark.parametrize(("size", "dtype"), CASES, ids=str)
def test_forward_and_backward(compare: Comparison, device: str, full: bool, size: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layers = activations(size, dtype, device)

    def step(norm: Norm, groups: int) -> Callable[[], None]:
        def call() -> None:
            for (x, *rows), grad in layers:
                torch.autograd.grad(norm(x, groups, *rows), [x, *rows[2:]], grad)

        return call

    elements = sum(values[0].numel() for values, _ in layers)
    work = Work(bytes=5.0 * elements * dtype.itemsize, flop=15.0 * elements)
    for groups in (2, 8) if full else (2,):
        variants = {
            f"fastssl, {groups} groups": step(grouped, groups),
            f"cat, {groups} groups": step(cat_of_parts, groups),
            "bound: plain batch norm": step(plain, 1),
        }
        if ON_GPU:
            compiled = torch.compile(grouped, fullgraph=True, dynamic=False)
            variants[f"fastssl, {groups}, compiled"] = step(compiled, groups)
        name = f"batch norms of a resnet18, {size} px, {groups} groups, {str(dtype).removeprefix('torch.')}"
        compare(name, variants, work=work)
