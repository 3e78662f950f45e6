"""Launch of the masked mean squared error.

Covers: layouts as runs of elements, grids, buffers, the three forward launches and the one of backward. What follows
from shapes and settings alone is worked out once and kept (`plan`).
Does not cover: the choice of implementation and gradients (autograd.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import triton
from torch import Tensor

from fastssl.kernels import scheduling
from fastssl.kernels.dispatch import on_device
from fastssl.kernels.masked_mse.kernel import count_kernel, error_kernel, finish_kernel, scale_kernel
from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.masked_mse.reference import MaskedMSEResult, memory_format

# 16 elements per thread and plane: two 128-bit loads of bf16 for each operand.
BLOCK = 2048
WARPS = 4
FINISH_BLOCK = 4096
MOST_COUNTERS = 512
PROGRAMS_PER_PROCESSOR = 8


@dataclass(frozen=True, kw_only=True)
class ImageLayout:
    """How an image lies in memory, as error_kernel reads it."""

    planes: int
    plane: int
    interleaved: int


def layout_of(shape: torch.Size, form: torch.memory_format) -> ImageLayout:
    """Runs of a dense [B, C, H, W] image."""
    _, channels, height, width = shape
    if form == torch.channels_last:
        return ImageLayout(planes=1, plane=channels * height * width, interleaved=channels)
    return ImageLayout(planes=channels, plane=height * width, interleaved=1)


def error_constants(
    layout: ImageLayout,
    mask_shape: torch.Size,
    size: tuple[int, int],
    half: bool,
    n_counts: int,
    options: MaskedMSEOptions,
) -> dict[str, Any]:
    """Compile-time arguments of `error_kernel` for images of `size`, (height, width)."""
    height, width = size
    patch_rows, patch_columns = height // mask_shape[2], width // mask_shape[3]
    shared = layout.interleaved == 1 or mask_shape[1] == 1
    return {
        "TILES": triton.cdiv(layout.plane, BLOCK),
        "MEAN": options.mean,
        "GRAD": options.grad,
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


@dataclass(frozen=True, kw_only=True)
class MaskedMSEPlan:
    """What a launch takes from shapes and settings. The dictionaries are shared by all its launches: read only.

    n_sums: programs of `error_kernel`, one partial sum each. shape: its integers. The rest is named after its kernel.
    """

    n_sums: int
    per_counter: int
    n_counts: int
    per_entry: int
    shape: tuple[int, ...]
    error: dict[str, Any]
    finish: dict[str, Any]


@lru_cache(maxsize=scheduling.PLANS)
def plan(
    shape: torch.Size, form: torch.memory_format, mask_shape: torch.Size, half: bool, options: MaskedMSEOptions
) -> MaskedMSEPlan:
    """The launches for [B, C, H, W] images. half: the gradient is kept without its factor."""
    n_images, channels, height, width = shape
    layout = layout_of(shape, form)
    mask_image, n_entries = mask_shape[1:].numel(), mask_shape.numel()
    per_entry = channels * height * width // mask_image
    per_counter = triton.cdiv(triton.cdiv(n_entries, MOST_COUNTERS), BLOCK) * BLOCK
    n_counts = triton.cdiv(n_entries, per_counter)
    mask_plane = 0 if mask_shape[1] == 1 else mask_shape[2] * mask_shape[3]
    error = error_constants(layout, mask_shape, (height, width), half, n_counts, options)
    return MaskedMSEPlan(
        n_sums=error["TILES"] * n_images,
        per_counter=per_counter,
        n_counts=n_counts,
        per_entry=per_entry,
        shape=(layout.planes, layout.plane, n_counts, per_entry, mask_image, mask_plane),
        error=error | {"num_warps": WARPS},
        finish={
            "MEAN": options.mean,
            "GRAD_SCALED": not half,
            "BLOCK": FINISH_BLOCK,
            "BLOCK_COUNTS": error["BLOCK_COUNTS"],
            "num_warps": WARPS,
        },
    )


def launch_masked_mse(prediction: Tensor, target: Tensor, mask: Tensor, options: MaskedMSEOptions) -> MaskedMSEResult:
    """Compute loss and gradient; see `MaskedMSEResult` for the gradient's factor."""
    form = memory_format(prediction)
    prediction, target = prediction.contiguous(memory_format=form), target.contiguous(memory_format=form)
    mask = mask.contiguous()
    half = prediction.dtype == torch.float16
    planned = plan(prediction.shape, form, mask.shape, half, options)
    counts = mask.new_empty(planned.n_counts, dtype=torch.int32)
    sums = prediction.new_empty(planned.n_sums, dtype=torch.float32)
    loss, rest = prediction.new_empty((), dtype=torch.float32), prediction.new_empty((), dtype=torch.float32)
    grad = torch.empty_like(prediction, memory_format=form) if options.grad else prediction.new_empty(0)
    with on_device(prediction):
        if options.mean:
            count_kernel[(planned.n_counts,)](
                mask, counts, mask.numel(), planned.per_counter, BLOCK=BLOCK, num_warps=WARPS
            )
        error_kernel[(planned.n_sums,)](prediction, target, mask, counts, sums, grad, *planned.shape, **planned.error)
        finish_kernel[(1,)](
            sums, counts, loss, rest, planned.n_sums, planned.n_counts, planned.per_entry, **planned.finish
        )
    return MaskedMSEResult(loss=loss, grad=grad, rest=rest)


def launch_scale_(values: Tensor, factor: Tensor, rest: Tensor) -> None:
    """Multiply dense values in place by two scalars that are on the device; free where their product is 1."""
    n_programs = scheduling.processors(values.device) * PROGRAMS_PER_PROCESSOR
    per_program = triton.cdiv(triton.cdiv(values.numel(), n_programs), BLOCK) * BLOCK
    with on_device(values):
        scale_kernel[(triton.cdiv(values.numel(), per_program),)](
            values, factor, rest, values.numel(), per_program, BLOCK=BLOCK, num_warps=WARPS
        )
