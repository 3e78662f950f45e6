"""From a crop to a network's input: tiles moved, levels through curves, normalised, masked pixels at 0.

Covers: the one order of these steps that every pretext view shares; on a GPU, stored bytes take them in one read and
one write of the batch's dtype (`fastssl.kernels.transform_pixels`), elsewhere one after the other in torch's float32.
Does not cover: drawing permutations, curves or masks (`views/`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from fastssl.kernels import transform_pixels
from fastssl.pipelines.ops.curves import look_up
from fastssl.pipelines.ops.torch_ops import normalise

KERNEL_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_batch_dtype: ContextVar[torch.dtype] = ContextVar("the dtype of the batch that this thread renders")


@contextmanager
def batch_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Allow `transform`, on this thread, to write images in the batch's dtype straight away.

    A context and not an argument, because between an executor, which knows the dtype, and `transform` lies the view,
    which neither knows nor needs it: whatever a view returns is cast in the end.
    """
    token = _batch_dtype.set(dtype)
    try:
        yield
    finally:
        _batch_dtype.reset(token)


def transform(
    crop: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    *,
    orders: Tensor | None = None,
    tables: Tensor | None = None,
    mask: Tensor | None = None,
    fused: bool | None = None,
) -> Tensor:
    """Turn a crop into a network's input, by the fused kernel or in steps.

    Args:
        crop: `[B, C, S, S]` channels-last, uint8, or float32 grey levels in [0, 255].
        mean: per channel, in [0, 1].
        std: per channel.
        orders: int64 `[B, G * G]`; tile i of the result is tile orders[b, i].
        tables: `[B, entries]` grey levels (`bezier_tables`).
        mask: uint8 `[B, 1, S, S]`, 1 where masked.
        fused: whether by the kernel, which takes uint8; by default where that is on a GPU.

    Returns:
        `[B, C, S, S]`: float32, or, by the kernel, in `batch_dtype`, computed in float32 and rounded once.
    """
    if takes_kernel(crop) if fused is None else fused:
        lut = None if tables is None else tables / 255.0
        stored = crop.permute(0, 2, 3, 1).contiguous()  # copies nothing: that is the order of channels-last memory
        dtype = _batch_dtype.get(torch.float32)
        dtype = dtype if dtype in KERNEL_DTYPES else torch.float32
        return transform_pixels(stored, lut=lut, permutation=orders, mask=mask, mean=mean, std=std, dtype=dtype)
    moved = crop if orders is None else move_tiles(crop, orders)
    image = normalise(moved if tables is None else look_up(moved, tables), mean, std)
    return image if mask is None else zero_masked(image, mask)


def takes_kernel(crop: Tensor) -> bool:
    """Say whether the fused kernel is the way: for stored bytes on a GPU."""
    return crop.is_cuda and crop.dtype == torch.uint8


def move_tiles(images: Tensor, orders: Tensor) -> Tensor:
    """Cut `[B, C, S, S]` into g x g tiles, row by row; tile i of the result is tile orders[b, i] (`[B, g * g]`)."""
    batch, channels, size, _ = images.shape
    grid = math.isqrt(orders.shape[1])
    side = size // grid
    runs = images.permute(0, 2, 3, 1).reshape(-1, side * channels)  # of one tile's row each; channels-last memory
    y, x = (part.view(batch, grid, 1, grid) for part in (orders // grid, orders % grid))
    image = torch.arange(batch, device=orders.device).view(-1, 1, 1, 1) * grid
    row = torch.arange(side, device=orders.device).view(-1, 1)
    moved = runs.index_select(0, (((image + y) * side + row) * grid + x).flatten())
    return moved.view(batch, size, size, channels).permute(0, 3, 1, 2)


def zero_masked(images: Tensor, mask: Tensor) -> Tensor:
    """Set the masked pixels (uint8 `[B, 1, S, S]`, 1 where masked) of `[B, C, S, S]` images to 0, in place."""
    kept = (1 - mask[:, 0]).to(images.dtype)
    for channel in images.unbind(1):  # one broadcast over channels-last memory takes 5 times as long
        channel.mul_(kept)
    return images
