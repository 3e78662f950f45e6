"""From the values of a scan to 16-bit grey levels, by a window.

Covers: black and white in numbers, and finding them in an image. Does not cover: the windows of DICOM's headers
(`dicom`), the range of a whole set's values (`fastssl.data.values`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .options import GreyWindow

TOP = 65535
"""The grey level of white."""
OUTER = 0.5
"""Per cent of the values at either end that `robust_range` leaves out."""
_SAMPLES = 1 << 20


def to_grey(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bring values to grey levels.

    Args:
        values: of any shape and real type.
        low: what becomes black.
        high: what becomes white, above `low`.

    Returns:
        uint16 of the same shape: round((v - low) / (high - low) * 65535), clipped.
    """
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(TOP / (high - low))
    return np.rint(np.clip(scaled, 0, TOP, out=scaled), out=scaled).astype(np.uint16)


def through_windows(values: np.ndarray, windows: Sequence[GreyWindow]) -> np.ndarray:
    """Make the channels of an image, one by each window.

    DICOM's LINEAR_EXACT (PS3.3 C.11.2.1.3.2): black is half a width below the centre, white half a width above it.

    Args:
        values: `[H, W]`, in the units that the windows are in, such as Hounsfield's.
        windows: one or more.

    Returns:
        `[H, W, C]` uint16, a channel for each window.
    """
    return np.stack([to_grey(values, one.centre - one.width / 2, one.centre + one.width / 2) for one in windows], -1)


def robust_range(values: np.ndarray) -> tuple[float, float]:
    """Find black and white where nothing says what they are: all but the outermost values.

    Args:
        values: of any shape, at least one of them; of large arrays evenly spaced samples are taken.

    Returns:
        The percentiles 0.5 and 99.5; the extremes where these are equal; of one value, it and 1 more.
    """
    flat = values.reshape(-1)
    some = flat[:: max(1, flat.size // _SAMPLES)]
    low, high = (float(found) for found in np.percentile(some, (OUTER, 100 - OUTER)))
    if low == high:
        low, high = float(flat.min()), float(flat.max())
    return (low, high) if low < high else (low, low + 1.0)
