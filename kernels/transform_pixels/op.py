"""Pixel transforms of a stored batch: the public function.

Covers: checks and registration. Does not cover: the arithmetic (reference.py, kernel.py), or drawing the look-up
tables, permutations and masks, which belongs to the pipelines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from fastssl.kernels.checks import (
    FLOATING,
    IMPLEMENTATIONS,
    as_number,
    check_choice,
    check_constant,
    check_same_device,
    check_tensors,
)
from fastssl.kernels.dispatch import register_op, runs_triton
from fastssl.kernels.masks import check_mask
from fastssl.kernels.transform_pixels.reference import transform_pixels_reference

STORED = (torch.uint8, torch.uint16)
LUT_ENTRIES = {torch.uint8: 256, torch.uint16: 257}
MOST_CHANNELS = 16


def transform_pixels(
    images: Tensor,
    *,
    lut: Tensor | None = None,
    permutation: Tensor | None = None,
    mask: Tensor | None = None,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype = torch.float32,
    impl: str = "auto",
) -> Tensor:
    """Turn stored integers into a network's input, with pretext transforms on the way, in one read and one write.

    In this order: tiles change places, intensities go through a table of their own image (a Bezier curve, say: Zhou et
    al., "Models Genesis", Medical Image Analysis 67, 2021), values are normalised, masked pixels become 0, the mean.

    Args:
        images: [B, H, W, C] uint8 or uint16.
        lut: intensities in [0, 1]. uint8: [B, 256]. uint16: [B, 257], at v = 0, 256, ..., 65536, linear in between.
            Without it v / 255 or v / 65535.
        permutation: [B, G*G] int32 or int64, G dividing H and W: tile i of the output is tile permutation[b, i] of the
            image, row by row. By Triton an index outside [0, G*G) makes a black tile, by torch an IndexError.
        mask: [B, 1, h, w] or [B, C, h, w], bool or uint8, h dividing H and w dividing W; not zero hides the pixel of
            the output (the convention of `masked_mse`).
        mean: numbers, one per channel or one for all, where the darkest intensity is 0 and the brightest 1.
        std: as `mean`, all positive; the output is (intensity - mean) / std.
        dtype: of the output: float32, bfloat16 or float16.
        impl: "auto" (Triton on CUDA, torch elsewhere), "triton" or "torch".

    Returns:
        [B, C, H, W] in `dtype`, channels-last in memory.

    Raises:
        TypeError: a dtype is not among those above, or a number is none.
        ValueError: shapes, devices or settings do not fit, `lut` requires a gradient (it gets none), or Triton is asked
            for where it cannot run.
        IndexError: by torch, an index of the permutation lies outside [0, G*G).
    """
    check_tensors(images=images)
    if images.dtype not in STORED:
        raise TypeError(f"images must be uint8 or uint16, got {images.dtype}")
    if images.dim() != 4 or images.numel() == 0 or images.shape[3] > MOST_CHANNELS:
        raise ValueError(f"images must be [B, H, W, C] with 1 <= C <= {MOST_CHANNELS}, got {list(images.shape)}")
    if dtype not in FLOATING or dtype == torch.float64:
        raise TypeError(f"dtype must be float32, bfloat16 or float16, got {dtype}")
    check_choice("impl", impl, IMPLEMENTATIONS)
    _check_lut(images, lut)
    _check_permutation(images, permutation)
    if mask is not None:
        check_same_device(images=images, mask=mask)
        n_images, height, width, channels = images.shape
        check_mask(mask, n_images, channels, height, width)
    mean, std = _per_channel("mean", mean, images.shape[3]), _per_channel("std", std, images.shape[3])
    if min(std) <= 0.0:
        raise ValueError(f"std must be positive, got {std}")
    run = _transform_op if torch.compiler.is_compiling() or images.is_meta else _transform
    return run(images, lut, permutation, mask, mean, std, dtype, impl)


def _check_lut(images: Tensor, lut: Tensor | None) -> None:
    if lut is None:
        return
    check_same_device(images=images, lut=lut)
    check_constant(lut=lut)
    shape = (images.shape[0], LUT_ENTRIES[images.dtype])
    if lut.dtype not in FLOATING:
        raise TypeError(f"lut must be floating point, got {lut.dtype}")
    if lut.shape != shape:
        raise ValueError(f"lut must be {list(shape)} for {images.dtype} images, got {list(lut.shape)}")


def _check_permutation(images: Tensor, permutation: Tensor | None) -> None:
    if permutation is None:
        return
    check_same_device(images=images, permutation=permutation)
    if permutation.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"permutation must be int32 or int64, got {permutation.dtype}")
    n_images, height, width, _ = images.shape
    if permutation.dim() != 2 or permutation.shape[0] != n_images or permutation.shape[1] < 1:
        raise ValueError(f"permutation must be [{n_images}, G*G], got {list(permutation.shape)}")
    grid = math.isqrt(permutation.shape[1])
    if grid * grid != permutation.shape[1] or height % grid or width % grid:
        raise ValueError(
            f"permutation must hold G*G tiles with G dividing {height} and {width}, got {permutation.shape[1]} tiles"
        )


def _per_channel(name: str, values: Sequence[float], channels: int) -> list[float]:
    try:
        numbers = [as_number(name, value) for value in values]
    except TypeError:
        raise TypeError(f"{name} must be a sequence of numbers, got {values!r}") from None
    if len(numbers) not in (1, channels):
        raise ValueError(f"{name} must have 1 or {channels} values, got {len(numbers)}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} must be finite, got {numbers}")
    return numbers * channels if len(numbers) == 1 else numbers


def _transform(
    images: Tensor,
    lut: Tensor | None,
    permutation: Tensor | None,
    mask: Tensor | None,
    mean: list[float],
    std: list[float],
    dtype: torch.dtype,
    impl: str,
) -> Tensor:
    if not runs_triton(impl, images):
        with torch.autocast(images.device.type, enabled=False):
            return transform_pixels_reference(images, lut, permutation, mask, mean, std, dtype)
    from fastssl.kernels.transform_pixels.launch import (
        launch_transform,  # here, so that a machine without Triton gets this far
    )

    return launch_transform(images, lut, permutation, mask, mean, std, dtype)


def _fake(
    images: Tensor,
    lut: Tensor | None,
    permutation: Tensor | None,
    mask: Tensor | None,
    mean: list[float],
    std: list[float],
    dtype: torch.dtype,
    impl: str,
) -> Tensor:
    return images.new_empty(images.shape, dtype=dtype).permute(0, 3, 1, 2)


_transform_op = register_op(
    "transform_pixels(Tensor images, Tensor? lut, Tensor? permutation, Tensor? mask, float[] mean, float[] std, "
    "ScalarType dtype, str impl) -> Tensor",
    _transform,
    _fake,
)
