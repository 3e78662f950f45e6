"""Images as they are stored, as cells of a sheet.

Covers: 16-bit levels as 8-bit ones, grey and four channels as colour. Does not cover: which images are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .sheet import ImageCell

QUARTERED = 4
"""Channels that are shown as four quarters of a cell, since they have no common colour."""


def stored_cells(images: np.ndarray, captions: Sequence[str]) -> tuple[ImageCell, ...]:
    """Make a cell of each image.

    Args:
        images: uint8 or uint16 `[N, H, W, C]`.
        captions: a word for each.

    Returns:
        The cells, in order.
    """
    levels = images if images.dtype == np.uint8 else np.rint(images / 257.0).astype(np.uint8)
    pairs = zip(levels, captions, strict=True)
    return tuple(ImageCell(pixels=in_colour(image), caption=word) for image, word in pairs)


def in_colour(image: np.ndarray) -> np.ndarray:
    """Bring an image to three channels.

    Args:
        image: uint8 `[H, W, C]`.

    Returns:
        `[H, W, 3]`; of four channels, four grey quarters, `[2 H, 2 W, 3]`.
    """
    if image.shape[2] == QUARTERED:
        first, second, third, fourth = np.moveaxis(image, 2, 0)
        image = np.block([[first, second], [third, fourth]])[:, :, None]
    return np.broadcast_to(image, (*image.shape[:2], 3))
