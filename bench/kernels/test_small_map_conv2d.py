"""Convolutions on small maps: one matrix product compared with torch's convolution, forward and backward.

Covers: the last layers of a ResNet at 28, 32 and 64 px, their batch sizes in training and in a small run, fp32 and
bf16, channels-last as they are trained. `MOST_PIXELS` and `LARGEST_WINDOWED` are read off here. Does not cover: whole
steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from bench.harness import Comparison, Work
from bench.harness.machine import multiplies_bf16
from fastssl.kernels import small_map_conv2d

# Channels in and out, kernel, stride, side of the map.
LAYERS = [
    (512, 512, 3, 1, 1),
    (256, 512, 3, 2, 2),
    (256, 256, 3, 1, 2),
    (512, 512, 3, 1, 2),
    (256, 512, 1, 2, 2),
    (2048, 512, 1, 1, 1),
    (128, 256, 3, 2, 4),
    (256, 512, 3, 2, 4),
    (128, 256, 1, 2, 4),
    (128, 256, 3, 2, 8),
    (256, 256, 3, 1, 3),
]
FIRST = ((512, 512, 3, 1, 1), (256, 512, 3, 2, 2), (256, 256, 3, 1, 2))
OWN_DTYPE = torch.bfloat16 if multiplies_bf16() else torch.float32


def cases() -> list[object]:
    """Layer, batch, dtype; without --full three layers, as this processor trains them."""
    found: list[object] = []
    for layer in LAYERS:
        for batch in (16, 128):
            for dtype in (torch.float32, torch.bfloat16):
                first = layer in FIRST and batch == 128 and dtype == OWN_DTYPE
                found.append(pytest.param(layer, batch, dtype, marks=() if first else pytest.mark.full))
    return found


def step(x: Tensor, weight: Tensor, upstream: Tensor, stride: int, impl: str) -> None:
    output = small_map_conv2d(x, weight, None, stride, weight.shape[2] // 2, impl=impl)
    torch.autograd.grad(output, (x, weight), upstream)


@pytest.mark.benchmark(max_time=0.3)
@pytest.mark.parametrize(("layer", "batch", "dtype"), cases(), ids=str)
def test_forward_and_backward(
    layer: tuple[int, ...], batch: int, dtype: torch.dtype, compare: Comparison, device: str
) -> None:
    inputs, outputs, kernel, stride, side = layer
    torch.manual_seed(0)

    def channels_last(*shape: int) -> Tensor:
        return torch.randn(shape, device=device).to(dtype).to(memory_format=torch.channels_last)

    x = channels_last(batch, inputs, side, side).requires_grad_()
    weight = channels_last(outputs, inputs, kernel, kernel).requires_grad_()
    reduced = (side - 1) // stride + 1
    upstream = channels_last(batch, outputs, reduced, reduced)
    ways = {"fastssl, product": "product", "fastssl, windows": "windows", "torch's convolution": "convolution"}
    variants: dict[str, Callable[[], object]] = {
        name: partial(step, x, weight, upstream, stride, impl) for name, impl in ways.items()
    }
    # What a product must do: of each tap that joins two pixels, forward and both gradients.
    flop = 6.0 * batch * inputs * outputs * _joined(kernel, stride, side)
    name = f"{inputs}->{outputs}, {kernel}x{kernel}, stride {stride}, map {side}, batch {batch}, {dtype}"
    compare(name.replace("torch.", ""), variants, work=Work(bytes=3.0 * weight.nbytes, flop=flop, dtype=dtype))


def _joined(kernel: int, stride: int, side: int) -> int:
    """Pairs of pixels that a tap joins, on a square map padded by half the kernel."""
    reach = kernel // 2
    outputs = range(0, side + 2 * reach - kernel + 1, stride)
    return sum(0 <= start + tap - reach < side for start in outputs for tap in range(kernel)) ** 2
