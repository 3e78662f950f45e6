"""Masks over images: one convention for losses and transforms.

A mask is [B, 1, h, w] or [B, C, h, w], bool or uint8, where h divides the image's height and w its width, so each entry
stands for a patch (or a pixel). Not zero means masked: hidden from the network, counted in the loss.
Covers: the check and the expansion to pixels. Does not cover: drawing masks.
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
    return (mask != 0).repeat_interleave(height // mask.shape[2], 2).repeat_interleave(width // mask.shape[3], 3)
