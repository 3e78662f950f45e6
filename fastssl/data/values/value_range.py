"""The range of the values in a set of images: which value is black, and which is white.

Covers: finding it once for a set, writing it as text, bringing values to whole grey levels by it. Does not cover:
reading files (`reading`), keeping what was found with a run (`fastssl.models.encoder.EncoderSpec`).

Many files hold fewer bits than their type: 12 bits of a scanner in 16, labels of 4 in 8. Divided by the type's largest
value they are nearly black, and every augmentation that adds or multiplies levels would make them flat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.errors import DataError

from .value_span import ValueSpan, unmarked

FULL = "full"
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


def range_setting(value_range: str | None) -> str | None:
    """Check a range as a user gives it.

    Args:
        value_range: "LOW,HIGH", "full", "auto" or None.

    Returns:
        "LOW,HIGH", "full", or None for auto.

    Raises:
        DataError: it is anything else.
    """
    if value_range in (None, "auto", FULL):
        return None if value_range == "auto" else value_range
    try:
        found = ValueRange.parse(str(value_range))
        if -math.inf < found.low < found.high < math.inf:
            return str(found)
    except ValueError:
        pass
    raise DataError(f"value_range={value_range!r}: give two numbers LOW,HIGH with LOW below HIGH, full or auto")


def find_range(spans: Sequence[ValueSpan]) -> ValueRange | None:
    """Find the range of a set's values.

    Integers without negative values go from 0 to the largest value of as many bits as they use; from the lowest to the
    highest where an offset was added to them. Others go from the lowest to the highest; floats within 0 and 1 from 0 to
    1, and within 0 and 255 from 0 to 255. Marks (`unmarked`) do not count. Where 8-bit files are mixed with wider
    values, the range is that of the wider files, and does not apply to the others.

    Args:
        spans: of every file or array, of all splits.

    Returns:
        The range; None where all are 8-bit and use their 8 bits, so that there is nothing to do.
    """
    span = ranged_span(spans)
    lowest, highest = unmarked(span)
    if span.dtype.kind == "f":
        return _float_range(lowest, highest)
    if lowest == highest:
        return None if span.dtype == np.uint8 else ValueRange.of_type(span.dtype)
    if lowest < 0:
        return ValueRange(low=lowest, high=highest)
    high = float(2 ** int(highest).bit_length() - 1)
    if span.dtype == np.uint8 and high == 255:
        return None
    offset = lowest > highest / 2 and highest - lowest < (high + 1) / 4
    return ValueRange(low=lowest, high=highest) if offset else ValueRange(low=0.0, high=high)


def ranged_span(spans: Sequence[ValueSpan]) -> ValueSpan:
    """Join the spans that a set's range is found from.

    Args:
        spans: of every file or array.

    Returns:
        The span of the wider files where 8-bit files are mixed with them, unless those hold 8-bit values too.
    """
    wide = [span for span in spans if span.dtype != np.uint8]
    return ValueSpan.joined(wide if wide and ValueSpan.joined(wide).highest > 255 else spans)


def _float_range(lowest: float, highest: float) -> ValueRange:
    if lowest >= 0 and highest <= 1:
        return ValueRange(low=0.0, high=1.0)
    if lowest >= 0 and highest <= 255:
        return ValueRange(low=0.0, high=255.0)
    return ValueRange(low=lowest, high=highest if highest > lowest else lowest + max(1.0, abs(lowest)))


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
        found = find_range(spans)
        return None if found is None else _as_kept(found)
    eight_bit = all(span.dtype == np.uint8 for span in spans)
    if setting != FULL:
        given = ValueRange.parse(setting)
        return None if eight_bit and (given.high > 255 or (given.low, given.high) == (0, 255)) else given
    dtype = np.result_type(*(span.dtype for span in spans))
    if dtype.kind == "f":
        raise DataError("float images have no full range; give --value-range LOW,HIGH, or leave it at auto")
    return None if dtype == np.uint8 else ValueRange.of_type(dtype)


def _as_kept(found: ValueRange) -> ValueRange:
    """The range as its text has it, so that images are read alike by what was found and by what was kept of it."""
    kept = ValueRange.parse(str(found))
    return kept if kept.low < kept.high else found


def check_one_kind(spans: Mapping[str, ValueSpan], setting: str | None = None) -> None:
    """Refuse sets that no single range fits: floats among whole numbers, negative values among unsigned integers.

    Args:
        spans: by the name of the file or array.
        setting: the range as it was asked for; one that is given fits negative and unsigned integers alike.

    Raises:
        DataError: the set is of two kinds; the text names one of each.
    """
    floats = next((name for name, span in spans.items() if span.dtype.kind == "f"), None)
    whole = next((name for name, span in spans.items() if span.dtype.kind != "f"), None)
    if floats is not None and whole is not None:
        raise DataError(f"{floats} holds floats and {whole} whole numbers; save all images with one type")
    negative = next((name for name, span in spans.items() if span.lowest < 0), None)
    unsigned = next((name for name, span in spans.items() if span.dtype.kind == "u"), None)
    if negative is not None and unsigned is not None and setting in (None, FULL):
        raise DataError(
            f"{negative} holds negative values and {unsigned} has a type without a sign; save all images with one "
            "type, or say which values are black and white with --value-range LOW,HIGH"
        )


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
