"""Batch norm of 2 and 8 parts of a batch, against normalising each part by itself, and against one plain batch norm.

Covers: time and peak memory, forward and backward, of all batch norms of a ResNet-18 (standard stem) in training, on
activations of random numbers, channels-last, batch 128. The bytes are the fewest: x read and y written, then x and the
gradient read and its own written. On a CPU give it one thread (OMP_NUM_THREADS=1): parts are small. GPU figures: not
yet measured. Does not cover: the network around them, into which a compiler would fuse them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.harness import Report, Work, best_device, measure
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", LAYERS)
def test_time_and_memory(report: Report, device: str, size: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layers = activations(size, dtype, device)

    def step(norm: Norm, groups: int) -> Callable[[], None]:
        def call() -> None:
            for (x, *rows), grad in layers:
                torch.autograd.grad(norm(x, groups, *rows), [x, *rows[2:]], grad)

        return call

    variants = {"plain": step(plain, 1)}
    for groups in (2, 8):
        variants[f"fastssl, {groups} groups"] = step(grouped, groups)
        variants[f"cat, {groups} groups"] = step(cat_of_parts, groups)
        if ON_GPU:
            compiled = torch.compile(grouped, fullgraph=True, dynamic=False)
            variants[f"fastssl, {groups}, compiled"] = step(compiled, groups)
    elements = sum(values[0].numel() for values, _ in layers)
    work = Work(bytes=5.0 * elements * dtype.itemsize, flop=15.0 * elements)
    timings = measure(variants, rounds=50 if ON_GPU else 15)
    report.add(f"batch norms of a resnet18, {size} px, {dtype}", timings, work)
