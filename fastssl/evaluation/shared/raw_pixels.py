"""Raw pixels as a baseline: what a linear model makes of images without any encoder.

Covers: what they are called, when there are too many of them. Does not cover: rendering them (`extraction.py`).
"""

from __future__ import annotations

from .candidates import Candidate

RAW_PIXELS = "raw pixels"
MOST_PIXELS = 3072
"""Values an image may have for a linear model on its pixels (32x32 colour)."""
MOST_PIXEL_VALUES = 1 << 26
"""Values that all training images together may have for it."""


def too_many_pixels(candidate: Candidate, images: int) -> str:
    """Return why there is no row of raw pixels, as one line; "" where there can be one.

    Args:
        candidate: sees images as they would be rendered.
        images: how many there are to train on.
    """
    values = candidate.size**2 * candidate.spec.in_channels
    if values > MOST_PIXELS:
        return f"no raw pixels: images of {values} values each are too large for a linear model ({MOST_PIXELS} at most)"
    if values * images > MOST_PIXEL_VALUES:
        return f"no raw pixels: {images} images of {values} values each are too many for a linear model"
    return ""
