"""What is said about the range of a set's values.

Covers: the range and how it was found, the depth of the values, the share that a range clips. Does not cover: finding
the range and applying it (`value_range.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .value_range import FULL, ValueRange, ValueSpan

_CHUNK = 1 << 22


def describe_range(value_range: ValueRange | None, spans: Sequence[ValueSpan], setting: str | None) -> str:
    """Say which values are black and white, and where they come from.

    Args:
        value_range: of the set; None: 8-bit images as they are.
        spans: of its files or arrays.
        setting: the range as it was asked for; None: it was found in the images.

    Returns:
        Such as "0 to 4095, found in the images".
    """
    if value_range is None or (value_range.high > 255 and all(span.dtype == np.uint8 for span in spans)):
        return "0 to 255"
    how = "found in the images" if setting is None else "the whole type" if setting == FULL else "as given"
    return f"{value_range.low:.9g} to {value_range.high:.9g}, {how}"


def describe_depth(spans: Sequence[ValueSpan]) -> str:
    """Say how many bits the values have.

    Args:
        spans: of the set's files or arrays.

    Returns:
        Such as "8 bit", "12 bit in 16", "16 bit, signed", "32-bit float", "8 and 16 bit".
    """
    widths = sorted({8 * span.dtype.itemsize for span in spans})
    if any(span.dtype.kind == "f" for span in spans):
        return f"{widths[-1]}-bit float"
    if len(widths) > 1:
        return f"{' and '.join(map(str, widths))} bit"
    if min(span.lowest for span in spans) < 0:
        return f"{widths[0]} bit, signed"
    used = int(max(span.highest for span in spans)).bit_length()
    return f"{widths[0]} bit" if used in (0, widths[0]) else f"{used} bit in {widths[0]}"


def share_outside(values: np.ndarray, value_range: ValueRange | None) -> float:
    """Return the share of values that a range clips, from 0 to 1.

    Args:
        values: of one file or array, in its own type.
        value_range: of the set; it does not apply to 8-bit values where it ends above 255.
    """
    if value_range is None or (values.dtype == np.uint8 and value_range.high > 255):
        return 0.0
    flat, outside = values.reshape(-1), 0
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        outside += int(np.count_nonzero((part < value_range.low) | (part > value_range.high)))
    return outside / max(1, flat.size)
