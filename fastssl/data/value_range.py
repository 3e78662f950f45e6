"""The range of the values in a set of images: which value is black, and which is white.

Covers: finding it once for a set, writing it as text, bringing values to whole grey levels by it. Does not cover:
reading files (`reading`), keeping what was found with a run (`fastssl.models.encoder.EncoderSpec`).

Many files hold fewer bits than their type: 12 bits of a scanner in 16, labels of 4 in 8. Divided by the type's largest
value they are nearly black, and every augmentation that adds or multiplies levels would make them flat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.errors import DataError

FULL = "full"
_MARKED_SHARE = 0.01
_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class ValueRange:
    """Black and white of a set of images, in the values of its files.

    Args:
        low: the value that becomes level 0.
        high: the value that becomes the highest level, above `low`.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.9g},{self.high:.9g}"

    @classmethod
    def parse(cls, text: str) -> ValueRange:
        """Read what `str` wrote.

        Args:
            text: "LOW,HIGH".

        Returns:
            The range.

        Raises:
            ValueError: it is anything else.
        """
        low, high = (float(part) for part in text.split(","))
        return cls(low=low, high=high)

    @classmethod
    def of_type(cls, dtype: np.dtype) -> ValueRange:
        """Return the full range of an integer type."""
        limits = np.iinfo(dtype)
        return cls(low=float(limits.min), high=float(limits.max))


@dataclass(frozen=True, kw_only=True)
class ValueSpan:
    """The values that one file or array holds, before any resizing.

    The smallest and the largest value of a type are often no measurement: padding around a scan, text burnt in. They
    are therefore counted, and the others have extremes of their own.

    Args:
        lowest: of all values.
        highest: of all values.
        dtype: of the file or array.
        pixels: how many values there are.
        at_bottom: how many of them are the type's smallest value.
        at_top: how many of them are the type's largest value.
        inner: the lowest and the highest of the other values; None where there are no others.
    """

    lowest: float
    highest: float
    dtype: np.dtype
    pixels: int = 1
    at_bottom: int = 0
    at_top: int = 0
    inner: tuple[float, float] | None = None

    @classmethod
    def of(cls, values: np.ndarray) -> ValueSpan:
        """Measure an array.

        Args:
            values: of any shape with at least one value, integers or floats, all finite.

        Returns:
            Its span. The type's smallest and largest value are not counted for 8-bit integers.
        """
        lowest, highest = values.min(), values.max()
        limits = np.finfo(values.dtype) if values.dtype.kind == "f" else np.iinfo(values.dtype)
        at_bottom = at_top = 0
        inner: tuple[float, float] | None = (float(lowest), float(highest))
        if values.dtype != np.uint8 and (lowest == limits.min or highest == limits.max):
            at_bottom = int(np.count_nonzero(values == limits.min))
            at_top = int(np.count_nonzero(values == limits.max))
            others = values[(values != limits.min) & (values != limits.max)]
            inner = (float(others.min()), float(others.max())) if others.size else None
        return cls(
            lowest=float(lowest),
            highest=float(highest),
            dtype=values.dtype,
            pixels=values.size,
            at_bottom=at_bottom,
            at_top=at_top,
            inner=inner,
        )


def find_range(spans: Sequence[ValueSpan]) -> ValueRange | None:
    """Find the range of a set's values.

    Args:
        spans: of every file or array, of all splits.

    Returns:
        The range; None where all are 8-bit and use their 8 bits, so that there is nothing to do. Integers without
        negative values go from 0 to the largest value of as many bits as they use, or from the lowest to the highest
        where the lowest is above half the highest. Others go from the lowest to the highest; floats within 0 and 1 from
        0 to 1, and within 0 and 255 from 0 to 255. Where 8-bit files are mixed with wider values, the range is that of
        the wider files, and does not apply to the others.
    """
    wide = [span for span in spans if span.dtype != np.uint8]
    if wide and max(span.highest for span in wide) > 255:
        spans = wide
    lowest, highest = min(span.lowest for span in spans), max(span.highest for span in spans)
    dtype = np.result_type(*(span.dtype for span in spans))
    if dtype.kind == "f":
        return _float_range(lowest, highest)
    if lowest == highest:
        return None if dtype == np.uint8 else ValueRange.of_type(dtype)
    if lowest < 0:
        return ValueRange(low=lowest, high=highest)
    high = float(2 ** int(highest).bit_length() - 1)
    if dtype == np.uint8 and high == 255:
        return None
    return ValueRange(low=lowest, high=highest) if lowest > highest / 2 else ValueRange(low=0.0, high=high)


def _float_range(lowest: float, highest: float) -> ValueRange:
    if lowest >= 0 and highest <= 1:
        return ValueRange(low=0.0, high=1.0)
    if lowest >= 0 and highest <= 255:
        return ValueRange(low=0.0, high=255.0)
    return ValueRange(low=lowest, high=highest if highest > lowest else lowest + 1.0)


def resolve_range(setting: str | None, spans: Sequence[ValueSpan]) -> ValueRange | None:
    """Say which range a setting means for a set.

    Args:
        setting: "LOW,HIGH", "full" for that of the files' type, or None to find it.
        spans: of every file or array, of all splits.

    Returns:
        The range; None where 8-bit images are taken as they are.

    Raises:
        DataError: "full" for floats, which have no full range.
    """
    if setting is None:
        return find_range(spans)
    if setting != FULL:
        found = ValueRange.parse(setting)
        eight_bit = all(span.dtype == np.uint8 for span in spans)
        return None if eight_bit and (found.low, found.high) == (0, 255) else found
    dtype = np.result_type(*(span.dtype for span in spans))
    if dtype.kind == "f":
        raise DataError("float images have no full range; give --value-range LOW,HIGH, or leave it at auto")
    return None if dtype == np.uint8 else ValueRange.of_type(dtype)


def check_one_kind(spans: Mapping[str, ValueSpan]) -> None:
    """Refuse floats among integers, and values below 0 among unsigned integers: one range would fit only some of them.

    Args:
        spans: by the name of the file or array.

    Raises:
        DataError: the set is of two kinds; the text names one of each.
    """
    floats = next((name for name, span in spans.items() if span.dtype.kind == "f"), None)
    whole = next((name for name, span in spans.items() if span.dtype.kind != "f"), None)
    if floats is not None and whole is not None:
        raise DataError(f"{floats} holds floats and {whole} whole numbers; save all images with one type")


def levels_dtype(spans: Sequence[ValueSpan], value_range: ValueRange | None) -> np.dtype:
    """Choose the type of a set's grey levels.

    Args:
        spans: of every file or array.
        value_range: of the set.

    Returns:
        uint8 where every file is 8-bit, or where all are integers and the range is 0 to 255; else uint16.
    """
    eight_bit = all(span.dtype == np.uint8 for span in spans)
    whole = all(span.dtype.kind in "iu" for span in spans)
    as_eight_bit = whole and value_range is not None and (value_range.low, value_range.high) == (0, 255)
    return np.dtype(np.uint8 if eight_bit or as_eight_bit else np.uint16)


def to_levels(values: np.ndarray, value_range: ValueRange | None, dtype: np.dtype) -> np.ndarray:
    """Bring values to whole grey levels.

    Args:
        values: of one file or array, in its own type and of any shape.
        value_range: of the set; None, and for 8-bit values any range above 255, stands for the type's full range.
        dtype: of the levels, uint8 or uint16.

    Returns:
        round((v - low) / (high - low) * largest level), clipped; `values` itself where that is what it holds.
    """
    own = value_range
    if own is None or (values.dtype == np.uint8 and own.high > 255):
        own = ValueRange.of_type(values.dtype)
    top = np.iinfo(dtype).max
    if (own.low, own.high) == (0, top) and values.dtype.kind == "u":
        if values.dtype == dtype:
            return values
        return np.minimum(values, top).astype(dtype)

    def level(part: np.ndarray) -> np.ndarray:
        scaled = (part.astype(np.float64) - own.low) / (own.high - own.low) * top
        return np.clip(np.rint(scaled), 0, top).astype(dtype)

    if values.dtype.itemsize <= 2 and values.dtype.kind in "iu" and values.size > 65536:
        limits = np.iinfo(values.dtype)
        table = level(np.arange(limits.min, limits.max + 1))
        return table[values.astype(np.int32) - limits.min] if limits.min else table[values]
    out = np.empty(values.shape, dtype)
    flat, flat_out = np.ascontiguousarray(values).reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        flat_out[start : start + _CHUNK] = level(flat[start : start + _CHUNK])
    return out
