"""Pixel transforms in plain torch.

Covers: tile permutation, intensity look-up, normalisation and mask, in that order, on stored [B, H, W, C] integers.
Does not cover: drawing tables, permutations or masks; checks (op.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from fastssl.kernels.masks import bits_where, keep_


@torch.no_grad()
def transform_pixels_reference(
    images: Tensor,
    lut: Tensor | None,
    permutation: Tensor | None,
    mask: Tensor | None,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype,
) -> Tensor:
    """[B, C, H, W] in `dtype`, channels-last."""
    if permutation is not None:
        images = permute_tiles(images, permutation)
    intensity = _to_unit_interval(images) if lut is None else look_up(images, lut)
    values = _normalise_(intensity, mean, std).permute(0, 3, 1, 2)
    if mask is not None:
        keep_(values, bits_where(mask == 0, values.dtype))
    return values.to(dtype)


def permute_tiles(images: Tensor, permutation: Tensor) -> Tensor:
    """Cut [B, H, W, C] into G x G tiles, row by row; tile i of the result is tile permutation[b, i] of image b."""
    n_images, height, width, channels = images.shape
    grid = math.isqrt(permutation.shape[1])
    cells = images.view(n_images, grid, height // grid, grid, width // grid, channels).transpose(2, 3).flatten(1, 2)
    index = permutation.long()
    if index.device.type == "cpu" and bool((index < 0).any()):  # a negative one counts from the end; a GPU would wait
        raise IndexError(f"index {int(index.min())} is out of bounds for a permutation of {cells.shape[1]} tiles")
    chosen = cells[torch.arange(n_images, device=images.device).unsqueeze(1), index]
    return chosen.unflatten(1, (grid, grid)).transpose(2, 3).reshape(images.shape)


def look_up(images: Tensor, lut: Tensor) -> Tensor:
    """Intensity of each pixel by its image's own table, float32 [B, H, W, C].

    uint8: entry v of 256. uint16: 257 entries at v = 0, 256, ..., 65536, linear in between.
    """
    values = images.flatten(1).long()
    if images.dtype == torch.uint8:
        return lut.float().gather(1, values).view(images.shape)
    cell = values >> 8
    low, high = lut.float().gather(1, cell), lut.float().gather(1, cell + 1)
    return torch.lerp(low, high, (values & 255) / 256.0).view(images.shape)


def _normalise_(intensity: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(intensity - mean) / std of [B, H, W, C], in place."""
    width = intensity.shape[2]
    rows = intensity.view(-1, width * intensity.shape[3])  # broadcast over channels alone it takes three times as long
    shift, spread = (
        torch.tensor(values, dtype=torch.float32, device=rows.device).repeat(width) for values in (mean, std)
    )
    rows.sub_(shift).div_(spread)
    return intensity


def _to_unit_interval(images: Tensor) -> Tensor:
    return images.to(torch.float32) / torch.iinfo(images.dtype).max
