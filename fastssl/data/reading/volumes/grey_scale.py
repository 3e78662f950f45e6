"""Black and white of a volume, the same for all its slices.

Covers: scaling, values that are no numbers, the range that is found in a volume, windows that are given. Does not
cover: windows of DICOM headers (`dicom`), slices (`reader.py`).
"""

from __future__ import annotations

from math import gcd

import numpy as np

from fastssl.data.reading.options import GreyWindow
from fastssl.data.reading.samples import UnreadableError
from fastssl.data.reading.windowing import TOP, robust_range, through_windows, to_grey

NOT_FINITE = "NaN or infinite values, which are taken as background"
LIKE_A_MASK = "whole numbers of a few kinds, as masks have; if they are masks, move them elsewhere"

_SAMPLES = 1 << 20
_FEW_LEVELS = 12
_MOSTLY = 0.5
"""The share of a volume's values from which on the lowest one is the background."""
_BLACK = TOP // 100
_EMPTY = 0.005


class GreyScale:
    """Brings the stored values of one volume to grey levels.

    Args:
        stored: all values of the volume, `[I, J, K]`, contiguous in some order of its axes.
        slope: a value is slope * stored + intercept.
        intercept: likewise.
        windows: that are given; none: black and white are found in the volume. Those are the percentiles 0.5 and 99.5
            of its values. Where more than half of them equal the lowest one, that is background, as around a skull
            that was stripped, and does not count.

    Raises:
        UnreadableError: no value is finite.
    """

    def __init__(self, stored: np.ndarray, slope: float, intercept: float, windows: tuple[GreyWindow, ...]) -> None:
        self._slope, self._intercept, self._windows = slope, intercept, windows
        sample = self._scaled(_sample(stored))
        finite = sample[np.isfinite(sample)]
        if not finite.size:
            raise UnreadableError("holds no finite value")
        self._background = np.float32(finite.min())
        self.notes: tuple[str, ...] = () if finite.size == sample.size else (NOT_FINITE,)
        if _is_like_a_mask(finite):
            self.notes += (LIKE_A_MASK,)
        self._range = (0.0, 1.0) if windows else self._found(finite, stored)

    def values(self, stored: np.ndarray) -> np.ndarray:
        """Return the values of a slice as float32, without any that are not finite.

        Args:
            stored: of any shape.
        """
        scaled = self._scaled(stored)
        if stored.dtype.kind == "f" and not (finite := np.isfinite(scaled)).all():
            self._note_not_finite()
            return np.where(finite, scaled, self._background)
        return scaled

    def grey(self, values: np.ndarray) -> np.ndarray:
        """Bring values to grey levels.

        Args:
            values: `[H, W]` float32, finite.

        Returns:
            `[H, W, C]` uint16: a channel for each window, or one.
        """
        with np.errstate(over="ignore"):  # what is too large for float32 on the way is white
            return through_windows(values, self._windows) if self._windows else to_grey(values, *self._range)[..., None]

    def _scaled(self, stored: np.ndarray) -> np.ndarray:
        wide = stored.dtype.itemsize > 2 and stored.dtype.kind != "f"
        with np.errstate(over="ignore", invalid="ignore"):
            values = stored.astype(np.float64 if wide or stored.dtype.itemsize > 4 else np.float32)
            if (self._slope, self._intercept) != (1.0, 0.0):
                values = values * self._slope + self._intercept
            return values.astype(np.float32, copy=False)

    def _found(self, finite: np.ndarray, stored: np.ndarray) -> tuple[float, float]:
        lowest = finite.min()
        if lowest == finite.max() and stored.dtype.kind != "f":  # a few voxels that the sample missed
            finite = self._scaled(np.array([stored.min(), stored.max()]))
            lowest = finite.min()
        above = finite[finite > lowest]
        return robust_range(above if 0 < above.size < (1 - _MOSTLY) * finite.size else finite)

    def _note_not_finite(self) -> None:
        if NOT_FINITE not in self.notes:
            self.notes += (NOT_FINITE,)


def is_empty(grey: np.ndarray) -> bool:
    """Tell whether a slice shows nothing.

    Args:
        grey: `[H, W, C]` uint16 or uint8.

    Returns:
        True where it is of one value, or less than 0.5 % of its pixels are brighter than 1 % of white in any channel.
    """
    black = _BLACK if grey.dtype == np.uint16 else 255 // 100
    bright = int(np.count_nonzero((grey > black).any(axis=-1)))
    return bright < _EMPTY * grey.shape[0] * grey.shape[1] or bool((grey == grey[:1, :1]).all())


def _sample(stored: np.ndarray) -> np.ndarray:
    """Evenly spaced values of an array, about a million at most, not all of the same columns."""
    flat = stored.reshape(-1, order="A")
    step = -(-flat.size // _SAMPLES)
    while step > 1 and gcd(step, flat.size) > 1:
        step += 1
    return flat[::step]


def _is_like_a_mask(values: np.ndarray) -> bool:
    """Whether all of some values are whole numbers from 0 on, of a few kinds."""
    if values.min() < 0 or values.max() > 255 or np.unique(values[: 1 << 12]).size > _FEW_LEVELS:
        return False
    levels = np.unique(values)
    return levels.size <= _FEW_LEVELS and bool((levels == np.rint(levels)).all())
