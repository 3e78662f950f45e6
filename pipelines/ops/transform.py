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
    """Within, on this thread, `transform` may write pictures in the batch's dtype straight away.

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
    """`[B, C, S, S]`: float32, or, by the kernel, in `batch_dtype`, worked out in float32 and rounded once.

    crop: `[B, C, S, S]` channels-last, uint8, or float32 grey levels in [0, 255]. orders: int64 `[B, G * G]`, tile i
    of the result is tile orders[b, i]. tables: `[B, entries]` grey levels (`bezier_tables`). mask: uint8
    `[B, 1, S, S]`, 1 where masked. fused: by the kernel, which takes uint8; by default where that is on a GPU.
    """
    if takes_kernel(crop) if fused is None else fused:
        lut = None if tables is None else tables / 255.0
        stored = crop.permute(0, 2, 3, 1).contiguous()  # copies nothing: that is the order of channels-last memory
        dtype = _batch_dtype.get(torch.float32)
        dtype = dtype if dtype in KERNEL_DTYPES else torch.float32
        return transform_pixels(stored, lut=lut, permutation=orders, mask=mask, mean=mean, std=std, dtype=dtype)
    moved = crop if orders is None else move_tiles(crop, orders)
    picture = normalise(moved if tables is None else look_up(moved, tables), mean, std)
    return picture if mask is None else blank(picture, mask)


def takes_kernel(crop: Tensor) -> bool:
    """Whether the fused kernel is the way: for stored bytes on a GPU."""
    return crop.is_cuda and crop.dtype == torch.uint8


def move_tiles(pictures: Tensor, orders: Tensor) -> Tensor:
    """Cut `[B, C, S, S]` into g x g tiles, row by row; tile i of the result is tile orders[b, i] (`[B, g * g]`)."""
    batch, channels, size, _ = pictures.shape
    grid = math.isqrt(orders.shape[1])
    side = size // grid
    runs = pictures.permute(0, 2, 3, 1).reshape(-1, side * channels)  # of one tile's row each; channels-last memory
    y, x = (part.view(batch, grid, 1, grid) for part in (orders // grid, orders % grid))
    picture = torch.arange(batch, device=orders.device).view(-1, 1, 1, 1) * grid
    row = torch.arange(side, device=orders.device).view(-1, 1)
    moved = runs.index_select(0, (((picture + y) * side + row) * grid + x).flatten())
    return moved.view(batch, size, size, channels).permute(0, 3, 1, 2)


def blank(pictures: Tensor, mask: Tensor) -> Tensor:
    """Set the masked pixels of `[B, C, S, S]` pictures to 0, in place. mask: uint8 `[B, 1, S, S]`."""
    kept = (1 - mask[:, 0]).to(pictures.dtype)
    for channel in pictures.unbind(1):  # one broadcast over channels-last memory takes 5 times as long
        channel.mul_(kept)
    return pictures
