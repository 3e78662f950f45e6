"""Whether the values between background and foreground are only edges: of masks that were resized or compressed.

Covers: the evidence, gathered over all masks. Does not cover: what follows from it (`choice.py`).

A mask that was resized smoothly, or stored as JPEG, has all values from black to white, but the ones between lie along
edges, where each pixel has darker and lighter neighbours. A third class has areas of one value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .coded import CodedMask
from .scale import MaskScale

WHITES = (255, 65535)
MANY = 64
"""From so many distinct values on, a PNG is taken for one that was once a JPEG."""

_NEAR = 24 / 255
"""What JPEG makes of black and white: most pixels are off by less, at qualities of 50 and more."""
_LEAST_WHITE = 224 / 255
_FLAT = 12 / 255
"""Largest difference within 3x3 pixels of an area of one value, after compression."""
_PALE = (0.35, 0.85)
"""An object whose brightest pixel lies so is of a third class, unless it is smaller than noise."""
_NOISE = 20
"""Pixels; what JPEG adds around an edge is smaller."""
_LEAST_BETWEEN = 3
_MOST_BETWEEN = 1 / 3
_MOST_FLAT, _FEW = 0.02, 4
_MOST_DOUBTFUL = 0.001
"""Of the white pixels; so that one spoilt mask of a thousand does not stop the others."""
_LEAST_SLOPE = 0.7


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """Pixels of one mask: between black and white, in flat areas or on slopes there; white; all; of pale objects."""

    between: int
    flat: int
    slope: int
    white: int
    total: int
    pale: int = 0

    @property
    def doubtful(self) -> int:
        """Pixels that look like a third class."""
        return self.pale + (self.flat if self.flat > max(_FEW, _MOST_FLAT * self.between) else 0)


def half_way(masks: Sequence[CodedMask], scale: MaskScale) -> int | None:
    """Return the value from which on pixels are foreground, if all that is between black and white are edges.

    Args:
        masks: all masks of a set.
        scale: of their values.

    Returns:
        128 or 32768; None where values may be classes.
    """
    values = list(scale.pixels)
    white = next((white for white in WHITES if values[-1] <= white), None)
    lossy = any(mask.lossy for mask in masks)
    if scale.coloured or white is None or values[0] < 0 or any(mask.kind == "palette" for mask in masks):
        return None
    compressed = lossy or _looks_compressed(values, white)
    near = round(_NEAR * white) if compressed else 0
    if values[0] > near or values[-1] < (_LEAST_WHITE * white if compressed else white):
        return None
    if not compressed and not _is_spread(scale, white):
        return None
    found = [_examine(mask, keys, near, white, compressed) for mask, keys in zip(masks, scale.keys, strict=True)]
    between, bright, total = (sum(getattr(one, name) for one in found) for name in ("between", "white", "total"))
    if sum(one.doubtful for one in found) > _MOST_DOUBTFUL * bright:
        return None
    if between > _MOST_BETWEEN * total or 4 * bright < between:
        return None
    if not compressed and sum(one.slope for one in found) < _LEAST_SLOPE * between:
        return None
    return (white + 1) // 2


def _looks_compressed(values: Sequence[int], white: int) -> bool:
    """Whether a file without loss was one with loss before: there are many values, or several near black and white."""
    near = round(_NEAR * white)
    dark = sum(0 < value <= near for value in values)
    light = sum(white - near <= value < white for value in values)
    return len(values) >= MANY or min(dark, light) >= _LEAST_BETWEEN


def _is_spread(scale: MaskScale, white: int) -> bool:
    """Whether the values between are several, none is most of them, and they are neither all dark nor all light."""
    between = {value: count for value, count in scale.pixels.items() if 0 < value < white}
    total = sum(between.values())
    if len(between) < _LEAST_BETWEEN or 2 * max(between.values()) > total:
        return False
    return 0.2 < sum(value * count for value, count in between.items()) / (total * white) < 0.8


def _examine(mask: CodedMask, keys: np.ndarray, near: int, white: int, compressed: bool) -> _Evidence:
    """Look at one mask; `near` is how far from black or white a value may be and still be that."""
    inner = (keys > near) & (keys < white - near)
    total = int(mask.counts.sum())
    bright = int(mask.counts[keys >= white - near].sum())
    if not inner.any():
        return _Evidence(between=0, flat=0, slope=0, white=bright, total=total)
    levels = mask.looked_up(keys.astype(np.min_scalar_type(white)))
    between = mask.looked_up(inner)
    lowest = ndimage.minimum_filter(levels, size=3, mode="nearest")
    highest = ndimage.maximum_filter(levels, size=3, mode="nearest")
    flat = between & (highest - lowest <= (round(_FLAT * white) if compressed else 0))
    slope = between & (lowest < levels) & (levels < highest)
    counts = (int(np.count_nonzero(one)) for one in (between, flat, slope))
    pale = sum(_pale(one, near, white) for one in (levels, white - levels)) if compressed else 0
    return _Evidence(
        **dict(zip(("between", "flat", "slope"), counts, strict=True)), white=bright, total=total, pale=pale
    )


def _pale(levels: np.ndarray, near: int, white: int) -> int:
    """Pixels of what is not black, but nowhere white."""
    objects, count = ndimage.label(levels > near, structure=np.ones((3, 3), int))
    sizes = np.bincount(objects.reshape(-1))[1:]
    brightest = ndimage.maximum(levels, objects, np.arange(1, count + 1))
    low, high = (share * white for share in _PALE)
    return int(sizes[(sizes >= _NOISE) & (brightest > low) & (brightest < high)].sum())
