"""Images that are empty, clipped, or far darker, brighter or flatter than the others.

Covers: shares of black and white, Tukey's fences. Does not cover: inverted images (`polarity.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .pixels import Pixels
from .rows import Rows, rows_where

EMPTY = 2 / 255
"""Standard deviation of the pixels below which an image is nearly empty, of 1 for white."""
CLIPPED = 0.25
"""Share of the pixels that are white from which on an image has probably lost its bright parts."""
TWO_LEVELS = 0.98
"""Share of the pixels that are black or white in an image of these alone; edges may be grey from resizing."""
FENCE = 3.0
"""Interquartile ranges beyond the quartiles where an image is far out (J. Tukey, Exploratory Data Analysis, 1977)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exposure:
    """Brightness of the images of all splits.

    Attributes:
        brightness: least, median and greatest mean of an image, 0 black and 1 white.
        contrast: likewise of its standard deviation.
        black: mean share of the pixels that are black.
        white: mean share of the pixels that are white.
        empty: images of nearly one grey level.
        clipped: images of which a quarter or more is white.
        two_levels: images that are black and white only, as masks are.
        outliers: images that are far darker, brighter or flatter than the others, or of far more contrast.
        grey: images of several channels whose channels are equal.
    """

    brightness: tuple[float, float, float]
    contrast: tuple[float, float, float]
    black: float
    white: float
    empty: Rows
    clipped: Rows
    two_levels: Rows
    outliers: Rows
    grey: Rows


def exposure_of(pixels: Mapping[str, Pixels], channels: int) -> Exposure:
    """Find how images are exposed.

    Args:
        pixels: by split.
        channels: of the images.

    Returns:
        The exposure; an image is in one list at most, but `grey`.
    """
    joined = {name: _joined(pixels, name) for name in ("brightness", "contrast", "black", "white", "grey")}
    brightness, contrast, black, white = (joined[name] for name in ("brightness", "contrast", "black", "white"))
    empty = contrast < EMPTY
    two_levels = ~empty & (black + white >= TWO_LEVELS) & (np.minimum(black, white) > 1 - TWO_LEVELS)
    clipped = ~empty & ~two_levels & (white >= CLIPPED)
    usual = ~(empty | two_levels | clipped)
    outliers = usual & (_far_out(brightness, usual) | _far_out(contrast, usual))
    return Exposure(
        brightness=_three(brightness),
        contrast=_three(contrast),
        black=float(black.mean()),
        white=float(white.mean()),
        empty=rows_where(empty, pixels),
        clipped=rows_where(clipped, pixels),
        two_levels=rows_where(two_levels, pixels),
        outliers=rows_where(outliers, pixels),
        grey=rows_where(joined["grey"] & (channels > 1), pixels),
    )


def _joined(pixels: Mapping[str, Pixels], name: str) -> np.ndarray:
    return np.concatenate([getattr(own, name) for own in pixels.values()])


def _three(values: np.ndarray) -> tuple[float, float, float]:
    return float(values.min()), float(np.median(values)), float(values.max())


def _far_out(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Beyond the outer fences of the usual ones; at least 4 grey levels of 255 from their quartiles."""
    if not usual.any():
        return np.zeros(len(values), bool)
    lower, upper = np.percentile(values[usual], (25, 75))
    reach = max(FENCE * (upper - lower), 4 / 255)
    return (values < lower - reach) | (values > upper + reach)
