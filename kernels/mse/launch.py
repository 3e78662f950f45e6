"""Launch of the masked mean squared error.

Covers: layouts as runs of elements, grids, buffers, the three forward launches and the one of backward.
Does not cover: the choice of implementation and autograd (op.py).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from fastssl.kernels import scheduling
from fastssl.kernels.dispatch import on_device
from fastssl.kernels.mse.kernel import count_kernel, error_kernel, finish_kernel, scale_kernel
from fastssl.kernels.mse.reference import MaskedMSEResult, memory_format

# 16 elements per thread and plane: two 128-bit loads of bf16 for each operand.
BLOCK = 2048
WARPS = 4
FINISH_BLOCK = 4096
MOST_COUNTERS = 512
PROGRAMS_PER_PROCESSOR = 8


class Layout(NamedTuple):
    """How an image lies in memory, as error_kernel reads it."""

    planes: int
    plane: int
    interleaved: int


def layout_of(image: Tensor) -> Layout:
    """Runs of a dense [B, C, H, W] image."""
    _, channels, height, width = image.shape
    if memory_format(image) == torch.channels_last:
        return Layout(1, channels * height * width, channels)
    return Layout(channels, height * width, 1)


def error_constants(
    layout: Layout, mask_shape: torch.Size, height: int, width: int, mean: bool, grad: bool, half: bool, n_counts: int
) -> dict[str, Any]:
    """Compile-time arguments of `error_kernel`."""
    patch_rows, patch_columns = height // mask_shape[2], width // mask_shape[3]
    shared = layout.interleaved == 1 or mask_shape[1] == 1
    return {
        "MEAN": mean,
        "GRAD": grad,
        "GRAD_SCALED": not half,
        "INTERLEAVED": layout.interleaved,
        "IMAGE_WIDTH": width,
        "PATCH_ROWS": patch_rows,
        "PATCH_COLUMNS": patch_columns,
        # Runs of equal mask begin at multiples of their length, because both divide the width; 8 fill a 128-bit load.
        "CONSTANCY": math.gcd(patch_columns * layout.interleaved, 8) if shared else 1,
        "EVEN": layout.plane % BLOCK == 0,
        "BLOCK": BLOCK,
        "BLOCK_COUNTS": triton.next_power_of_2(n_counts),
    }


def launch_masked_mse(prediction: Tensor, target: Tensor, mask: Tensor, mean: bool, want_grad: bool) -> MaskedMSEResult:
    """Loss and gradient; see `MaskedMSEResult` for the gradient's factor."""
    form = memory_format(prediction)
    prediction, target = prediction.contiguous(memory_format=form), target.contiguous(memory_format=form)
    mask = mask.contiguous()
    n_images, channels, height, width = prediction.shape
    layout = layout_of(prediction)
    tiles = triton.cdiv(layout.plane, BLOCK)
    mask_image = mask[0].numel()
    per_entry = channels * height * width // mask_image
    per_counter = triton.cdiv(triton.cdiv(mask.numel(), MOST_COUNTERS), BLOCK) * BLOCK
    n_counts = triton.cdiv(mask.numel(), per_counter)

    counts = mask.new_empty(n_counts, dtype=torch.int32)
    sums = prediction.new_empty(n_images * tiles, dtype=torch.float32)
    loss, rest = (prediction.new_empty((), dtype=torch.float32) for _ in range(2))
    grad = torch.empty_like(prediction, memory_format=form) if want_grad else prediction.new_empty(0)
    half = prediction.dtype == torch.float16
    constants = error_constants(layout, mask.shape, height, width, mean, want_grad, half, n_counts)
    with on_device(prediction):
        if mean:
            count_kernel[(n_counts,)](mask, counts, mask.numel(), per_counter, BLOCK=BLOCK, num_warps=WARPS)
        error_kernel[(tiles, n_images)](
            prediction,
            target,
            mask,
            counts,
            sums,
            grad,
            layout.planes,
            layout.plane,
            n_counts,
            per_entry,
            mask_image,
            0 if mask.shape[1] == 1 else mask.shape[2] * mask.shape[3],
            **constants,
            num_warps=WARPS,
        )
        finish_kernel[(1,)](
            sums,
            counts,
            loss,
            rest,
            sums.numel(),
            n_counts,
            per_entry,
            MEAN=mean,
            GRAD_SCALED=not half,
            BLOCK=FINISH_BLOCK,
            BLOCK_COUNTS=constants["BLOCK_COUNTS"],
            num_warps=WARPS,
        )
    return MaskedMSEResult(loss, grad, rest)


def launch_scale_(values: Tensor, factor: Tensor, rest: Tensor) -> None:
    """Multiply dense values in place by two scalars that are on the device; free where their product is 1."""
    n_programs = scheduling.processors(values.device) * PROGRAMS_PER_PROCESSOR
    per_program = triton.cdiv(triton.cdiv(values.numel(), n_programs), BLOCK) * BLOCK
    with on_device(values):
        scale_kernel[(triton.cdiv(values.numel(), per_program),)](
            values, factor, rest, values.numel(), per_program, BLOCK=BLOCK, num_warps=WARPS
        )
