"""A perceptual hash: 64 bits that stay nearly the same when an image is brightened, compressed or resized.

Covers: the hash of small grey images. Does not cover: making them small (`thumbnails.py`), finding pairs
(`near_pairs.py`).

This is pHash as C. Zauner describes it (Implementation and Benchmarking of Perceptual Image Hash Functions, 2010): the
discrete cosine transform of 32 x 32 pixels, of which the 8 x 8 lowest frequencies behind the constant ones are
compared with their median.
"""

from __future__ import annotations

import numpy as np

SIDE = 32
"""Pixels of a side that the hash is made of."""
FREQUENCIES = 8
"""Of each axis that give bits, from 1 on: the constant ones tell of brightness and light from one side."""
_CHUNK = 1 << 13


def perceptual_hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Return the hash of each image.

    Args:
        thumbnails: `[N, 32, 32]` of any real type.

    Returns:
        uint64 `[N]`: a bit for each coefficient that is above the median of the 64.
    """
    waves, hashes = _cosines().astype(np.float32), np.zeros(len(thumbnails), np.uint64)
    for start in range(0, len(thumbnails), _CHUNK):
        low = waves @ thumbnails[start : start + _CHUNK].astype(np.float32) @ waves.T
        flat = low.reshape(-1, FREQUENCIES**2)
        above = flat > np.median(flat, axis=1, keepdims=True)
        hashes[start : start + _CHUNK] = np.packbits(above, axis=1).view(np.uint64).reshape(-1)
    return hashes


def _cosines() -> np.ndarray:
    """The waves 1 to 8 of the DCT-II over 32 pixels, `[8, 32]`; their scale does not matter to the bits."""
    frequency, pixel = np.arange(1, FREQUENCIES + 1)[:, None], np.arange(SIDE)[None, :]
    return np.asarray(np.cos(np.pi * frequency * (2 * pixel + 1) / (2 * SIDE)))
