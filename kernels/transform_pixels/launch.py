"""Launch of the pixel transforms. Covers: geometry and compile-time arguments. Does not cover: checks (op.py)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import triton
from torch import Tensor

from fastssl.kernels import scheduling
from fastssl.kernels.dispatch import on_device
from fastssl.kernels.transform_pixels.kernel import transform_kernel

# 16 stored bytes per thread: one 128-bit load of uint8.
ELEMENTS = 2048
WARPS = 4


def transform_constants(
    shape: Sequence[int],
    wide: bool,
    lut: bool,
    cells: int | None,
    mask_shape: Sequence[int] | None,
    mean: Sequence[float],
    std: Sequence[float],
) -> dict[str, Any]:
    """Compile-time arguments of `transform_kernel` for [B, H, W, C] images and a permutation of `cells` tiles."""
    _, height, width, channels = shape
    grid = math.isqrt(cells) if cells else 1
    runs, run = (height // grid, width // grid * channels) if cells else (1, height * width * channels)
    block = min(triton.next_power_of_2(run), ELEMENTS)
    _, mask_channels, mask_rows, mask_columns = mask_shape or (0, 1, 1, 1)
    return {
        "LUT": lut,
        "PERMUTE": cells is not None,
        "MASK": mask_shape is not None,
        "WIDE": wide,
        "MEAN": tuple(mean),
        "INVERSE_STD": tuple(1.0 / value for value in std),
        "HEIGHT": height,
        "WIDTH": width,
        "CHANNELS": channels,
        "GRID": grid,
        "MASK_ROWS": mask_rows,
        "MASK_COLUMNS": mask_columns,
        "MASK_CHANNELS": mask_channels,
        "RUNS": runs,
        "RUN": run,
        "BLOCK_RUNS": min(triton.next_power_of_2(runs), ELEMENTS // block),
        "BLOCK": block,
    }


@lru_cache(maxsize=scheduling.PLANS)
def plan(
    shape: torch.Size,
    wide: bool,
    lut: bool,
    cells: int | None,
    mask_shape: torch.Size | None,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> tuple[int, dict[str, Any]]:
    """Programs and compile-time arguments, which all launches of one kind share: read only."""
    constants = transform_constants(shape, wide, lut, cells, mask_shape, mean, std)
    blocks = triton.cdiv(constants["RUN"], constants["BLOCK"])
    bands = triton.cdiv(constants["RUNS"], constants["BLOCK_RUNS"])
    return bands * blocks * constants["GRID"] ** 2 * shape[0], constants | {"num_warps": WARPS}


def launch_transform(
    images: Tensor,
    lut: Tensor | None,
    permutation: Tensor | None,
    mask: Tensor | None,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype,
) -> Tensor:
    """[B, C, H, W] in `dtype`, channels-last, in one launch."""
    images = images.contiguous()
    output = images.new_empty(images.shape, dtype=dtype)
    cells = None if permutation is None else permutation.shape[1]
    mask_shape = None if mask is None else mask.shape
    wide = images.dtype == torch.uint16
    programs, constants = plan(images.shape, wide, lut is not None, cells, mask_shape, tuple(mean), tuple(std))
    with on_device(images):
        transform_kernel[(programs,)](
            images,
            images if lut is None else lut.float().contiguous(),
            images if permutation is None else permutation.contiguous(),
            images if mask is None else mask.contiguous(),
            output,
            **constants,
        )
    return output.permute(0, 3, 1, 2)
