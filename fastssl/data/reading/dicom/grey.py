"""Grey images of DICOM files as 16-bit grey levels.

Covers: the order of the steps, from stored values to grey levels: units, window, inversion, padding as black. Does not
cover: the steps (`units.py`, `windows.py`), colour (`colour.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from fastssl.data.reading.options import FILE, ReadingOptions
from fastssl.data.reading.windowing import TOP, robust_range, through_windows, to_grey

from .elements import text
from .lookup import LookupTable
from .pixels import PixelLayout
from .units import Units, in_hounsfield, padding_range, units_of
from .windows import HeaderWindow, header_window, through_table

HOUNSFIELD_RANGE = (-1000.0, 1000.0)
"""Black and white of CT that says no window: air to bone, as Tang et al. (CVPR 2022) clip CT for pre-training. A range
of each slice's own would make one tissue another grey in every slice."""
NO_WINDOW = "CT without a window in its header, shown from -1000 to 1000 HU; choose another with --window"
_LARGEST = 1e30
"""Beyond it values are taken for infinite: their differences would not fit 32-bit floats."""
NOT_FINITE = "values that are not finite, shown black"


@dataclass(frozen=True, kw_only=True)
class GreyFrame:
    """A frame in units.

    Args:
        values: `[H, W]`, floats.
        padding: `[H, W]`, True where there is no image; None: it is everywhere.
        units: as the values are in.
        finite: all values that the file has are finite.
    """

    values: np.ndarray
    padding: np.ndarray | None
    units: Units
    finite: bool = True


def in_units(stored: np.ndarray, header: Dataset, layout: PixelLayout, frame: int) -> GreyFrame:
    """Bring the stored values of a frame to units.

    Args:
        stored: `[H, W]`.
        header: of the file.
        layout: of its pixels.
        frame: number of the frame.

    Returns:
        The frame; what is not finite is padding.
    """
    units = units_of(header, frame, signed=layout.signed)
    values, padding, all_finite = units.apply(stored), None, True
    if ends := padding_range(header, signed=layout.signed):
        padding = (stored >= ends[0]) & (stored <= ends[1])
    if layout.floating or not units.unchanged:
        finite = np.abs(values) < _LARGEST
        all_finite = bool(finite.all())
    if not all_finite:
        padding = ~finite if padding is None else padding | ~finite
        values = np.where(finite, values, 0)
    kept = padding if padding is not None and padding.any() else None
    return GreyFrame(values=values, padding=kept, units=units, finite=all_finite)


def to_grey_levels(
    frames: Sequence[GreyFrame], header: Dataset, layout: PixelLayout, number: int, options: ReadingOptions
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Make an image of a frame, or of a frame and its neighbours.

    Args:
        frames: one; or the one before, the frame itself, and the one after. All go through the frame's window.
        header: of the file.
        layout: of its pixels.
        number: of the frame in the file.
        options: how files are read.

    Returns:
        `[H, W, C]` uint16, a channel for each frame or for each window, 0 as black; and notes.
    """
    middle = frames[len(frames) // 2]
    grey: list[np.ndarray]
    notes = [] if middle.finite else [NOT_FINITE]
    if options.windows:
        grey = [through_windows(frame.values, options.windows) for frame in frames]
    else:
        window = _window(header, layout, number, middle.units) if options.window == FILE else None
        if window == HOUNSFIELD_RANGE:
            notes.append(NO_WINDOW)
        window = window or _range_of(middle)
        grey = [_apply(window, frame.values)[..., None] for frame in frames]
    inverted = _is_inverted(header, layout)
    for levels, frame in zip(grey, frames, strict=True):
        if inverted:
            np.subtract(np.uint16(TOP), levels, out=levels)
        if frame.padding is not None:
            levels[frame.padding] = 0
    return np.concatenate(grey, -1), tuple(notes)


def _window(
    header: Dataset, layout: PixelLayout, number: int, units: Units
) -> HeaderWindow | LookupTable | tuple[float, float] | None:
    """What the file says of black and white, or what its values mean without saying it."""
    signed = layout.signed or units.intercept < 0
    if (window := header_window(header, number, signed=signed)) is not None:
        return window
    if layout.stored > 8 and (layout.signed or units.intercept < 0) and in_hounsfield(header, units):
        return HOUNSFIELD_RANGE
    if layout.stored <= 8 and not layout.signed and units.unchanged:  # grey levels already, as those of a picture
        return 0.0, float(2**layout.stored - 1)
    return None


def _range_of(frame: GreyFrame) -> tuple[float, float]:
    values = frame.values if frame.padding is None else frame.values[~frame.padding]
    return robust_range(values) if values.size else (0.0, 1.0)


def _apply(window: HeaderWindow | LookupTable | tuple[float, float], values: np.ndarray) -> np.ndarray:
    if isinstance(window, HeaderWindow):
        return window.apply(values)
    if isinstance(window, LookupTable):
        return through_table(values, window)
    return to_grey(values, *window)


def _is_inverted(header: Dataset, layout: PixelLayout) -> bool:
    """Whether the lowest values are white (PS3.3 C.7.6.3.1.2, C.11.6.1.2)."""
    return layout.photometric == "MONOCHROME1" or text(header, "PresentationLUTShape").upper() == "INVERSE"
