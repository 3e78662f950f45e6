"""`transform_pixels` with look-up, jigsaw and mask against the same steps one by one in eager and compiled torch.

Covers: time, peak memory, bytes, and the floor where the device is known. GPU figures: not yet measured.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.harness import Comparison, Work, best_device
from fastssl.kernels import transform_pixels

ON_GPU = best_device() == "cuda"
BATCH, SIZE, GRID, CELLS = (256 if ON_GPU else 16), 224, 4, 14


def naive(images: Tensor, lut: Tensor, permutation: Tensor, mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Gather the table, gather the tiles, normalise, mask, convert."""
    n_images, _, _, channels = images.shape
    values = torch.gather(lut, 1, images.reshape(n_images, -1).long()).view(images.shape)
    tile = SIZE // GRID
    cells = values.view(n_images, GRID, tile, GRID, tile, channels).transpose(2, 3).flatten(1, 2)
    chosen = cells[torch.arange(n_images, device=images.device).unsqueeze(1), permutation]
    values = chosen.unflatten(1, (GRID, GRID)).transpose(2, 3).reshape(images.shape)
    values = ((values - 0.5) / 0.25).permute(0, 3, 1, 2)
    full = mask.repeat_interleave(SIZE // CELLS, 2).repeat_interleave(SIZE // CELLS, 3)
    return values.masked_fill(full, 0.0).to(dtype)


@pytest.mark.parametrize("channels", [1, 3] if ON_GPU else [pytest.param(1, marks=pytest.mark.full), 3])
def test_all_at_once(compare: Comparison, device: str, full: bool, channels: int) -> None:
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    torch.manual_seed(0)
    images = torch.randint(0, 256, (BATCH, SIZE, SIZE, channels), dtype=torch.uint8, device=device)
    lut = torch.rand(BATCH, 256, device=device)
    permutation = torch.rand(BATCH, GRID**2, device=device).argsort(1)
    mask = torch.rand(BATCH, 1, CELLS, CELLS, device=device) < 0.6

    def fused() -> Tensor:
        return transform_pixels(
            images, lut=lut, permutation=permutation, mask=mask, mean=(0.5,), std=(0.25,), dtype=dtype
        )

    variants = {"fastssl": fused, "eager": lambda: naive(images, lut, permutation, mask, dtype)}
    if ON_GPU or full:
        compiled = torch.compile(naive, fullgraph=True, dynamic=False)
        variants["torch.compile"] = lambda: compiled(images, lut, permutation, mask, dtype)
    moved = images.numel() * (1.0 + dtype.itemsize) + lut.numel() * 4 + mask.numel()
    shape = f"{BATCH}x{SIZE}x{SIZE}x{channels}"
    compare(
        f"transform_pixels {shape}, uint8 to {str(dtype).removeprefix('torch.')}",
        variants,
        work=Work(bytes=moved, flop=2.0 * images.numel()),
    )
