"""Masks over images: one convention for losses and transforms.

A mask is [B, 1, h, w] or [B, C, h, w], bool or uint8, where h divides the image's height and w its width, so each entry
stands for a patch (or a pixel). Not zero means masked: hidden from the network, counted in the loss.
Covers: the check, the expansion to pixels, zeros in place. Does not cover: drawing masks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fastssl.kernels.checks import check_tensors

MASK_DTYPES = (torch.bool, torch.uint8)


def check_mask(mask: Tensor, n_images: int, channels: int, height: int, width: int) -> None:
    """Raise TypeError or ValueError unless the mask is a tensor that fits images of these sizes."""
    check_tensors(mask=mask)
    if mask.dtype not in MASK_DTYPES:
        raise TypeError(f"mask must be bool or uint8, got {mask.dtype}")
    fits = (
        mask.dim() == 4
        and mask.shape[0] == n_images
        and mask.shape[1] in (1, channels)
        and mask.numel() > 0
        and height % mask.shape[2] == 0
        and width % mask.shape[3] == 0
    )
    if not fits:
        raise ValueError(
            f"mask must be [{n_images}, 1 or {channels}, h, w] with h dividing {height} and w dividing {width}, "
            f"got {list(mask.shape)}"
        )


def expand_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """[B, M, h, w] to a bool [B, M, H, W], each entry repeated over its patch."""
    return _expanded(mask != 0, height, width)


def bits_where(entries: Tensor, dtype: torch.dtype) -> Tensor:
    """Integers as wide as `dtype`, float32 or float64: all bits 1 where the bool entries are True, all 0 elsewhere."""
    whole = torch.int64 if dtype == torch.float64 else torch.int32
    return entries.view(torch.int8).neg().to(whole)


def keep_(values: Tensor, bits: Tensor) -> Tensor:
    """Set values [B, C, H, W], in place, to 0 where `bits_where` [B, 1 or C, h, w] are 0.

    As masked_fill_ does, even where they are NaN; but that takes 3 to 17 times as long on a CPU.
    """
    values.view(bits.dtype).bitwise_and_(_expanded(bits, *values.shape[2:]))
    return values


def _expanded(entries: Tensor, height: int, width: int) -> Tensor:
    n_images, channels, rows, columns = entries.shape
    patches = entries[:, :, :, None, :, None]
    patches = patches.expand(n_images, channels, rows, height // rows, columns, width // columns)
    return patches.reshape(n_images, channels, height, width)
