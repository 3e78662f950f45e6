"""Slices whose pixels are not square, as coronal cuts of thick axial slices have them, made so that they are.

Covers: the size of the result, and the resampling. Does not cover: the square that images are cropped to
(`fastssl.data.resize`).
"""

from __future__ import annotations

import numpy as np

MOST = 4096
"""No side becomes longer by it, in pixels, than this, or than it is."""
_SAME = 1.01


def square_size(height: int, width: int, spacing: tuple[float, float]) -> tuple[int, int]:
    """Find the size of a slice with square pixels.

    Args:
        height: in pixels.
        width: likewise.
        spacing: of its rows and of its columns.

    Returns:
        Height and width: pixels of the finer spacing, or coarser ones where a side would be longer than `MOST`; the
        same where the spacings differ by 1 % at most.
    """
    rows, columns = spacing
    finer = min(rows, columns)
    if max(rows, columns) <= finer * _SAME:
        return height, width
    longest = max(height * rows, width * columns)
    pixel = max(finer, longest / max(MOST, height, width))
    return max(1, round(height * rows / pixel)), max(1, round(width * columns / pixel))


def resampled(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resample a slice: bicubic and antialiased as in Pillow, within its lowest and highest value.

    Args:
        values: `[H, W]` or `[H, W, 3]` float32, finite.
        size: height and width of the result.

    Returns:
        float32 of that size; the slice itself where it has it.
    """
    from PIL import Image

    if values.shape[:2] == size:
        return values
    planes = [values] if values.ndim == 2 else [values[..., channel] for channel in range(values.shape[2])]
    scaled = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size[::-1], Image.Resampling.BICUBIC))
        for plane in planes
    ]
    found = scaled[0] if values.ndim == 2 else np.stack(scaled, axis=-1)
    return np.clip(found, values.min(), values.max())
