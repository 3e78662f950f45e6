"""Where a product is chosen over torch's convolution, and where torch's convolution is not sound.

Covers: the tables of what was measured, and two faults of oneDNN. Does not cover: the products (products.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fastssl.kernels.dispatch import autocast_dtype
from fastssl.kernels.small_map_conv2d.taps import Taps

MOST_PIXELS = {("cpu", torch.float32): 4, ("cpu", torch.bfloat16): 4, ("cpu", torch.float64): 4}
"""(device, dtype) -> the most pixels of an input map, all of them seen by every output pixel, for which the product is
faster than the convolution, forward and backward (`bench/kernels/test_small_map_conv2d.py`). GPUs: not yet measured."""

LARGEST_WINDOWED = {("cpu", torch.bfloat16): (16, 4)}
"""(device, dtype) -> the most pixels of an input map and of its output for which gathering windows is faster than the
convolution, where the other product does not do: 512 filters of 3x3x256, stride 2, on a 4x4 map take 24 ms, by windows
9 (forward and backward, batch 128, bf16, one thread of an AMD EPYC of family 26); in fp32 35 and 36."""

FEWEST_CHANNELS = 8
"""Of the input of a strided 1x1 convolution on a CPU. With fewer, its backward in channels-last order writes outside
its memory (oneDNN 3.12 in torch 2.14.1: a crash, or "corrupted size vs. prev_size")."""


def may_be_small(input: Tensor) -> bool:
    """Say whether a map of so many pixels is in one of the tables."""
    kind = _kind(input)
    most = max(MOST_PIXELS.get(kind, 0), LARGEST_WINDOWED.get(kind, (0, 0))[0])
    return input.shape[2] * input.shape[3] <= most


def fastest(input: Tensor, joined: Taps) -> str:
    """Choose by the tables: "product", "windows" or "convolution"."""
    kind, inputs = _kind(input), input.shape[2] * input.shape[3]
    if joined.complete and inputs <= MOST_PIXELS.get(kind, 0):
        return "product"
    most_inputs, most_outputs = LARGEST_WINDOWED.get(kind, (0, 0))
    small = inputs <= most_inputs and joined.output[0] * joined.output[1] <= most_outputs
    return "windows" if small else "convolution"


def _kind(input: Tensor) -> tuple[str, torch.dtype]:
    return input.device.type, autocast_dtype(input.device.type) or input.dtype


def overruns(input: Tensor, weight: Tensor, stride: tuple[int, int], padding: int | tuple[int, ...] | str) -> bool:
    """Say whether torch's backward would write outside its memory; see `FEWEST_CHANNELS`."""
    strided = tuple(weight.shape[2:]) == (1, 1) and stride != (1, 1) and padding in (0, (0,), (0, 0), "valid")
    return strided and input.device.type == "cpu" and input.shape[1] < FEWEST_CHANNELS


def skips_the_map(input: Tensor, stride: tuple[int, int]) -> bool:
    """Say whether a stride is longer than the map, in bf16 on a CPU.

    There oneDNN's weight gradient reads memory that nobody wrote (oneDNN 3.12 in torch 2.14.1, AVX512-BF16: wrong in
    295 of 6708 small convolutions tried, NaN among them, all of this kind; none in fp32).
    """
    longer = stride[0] > input.shape[-2] or stride[1] > input.shape[-1]
    return longer and input.device.type == "cpu" and (autocast_dtype("cpu") or input.dtype) == torch.bfloat16
