"""Images of a `.npz` file: from arrays of any usual shape and type to `[N, H, W, C]` of whole grey levels.

Covers: which axis is which, types and byte orders, values that are no numbers, the range of the values over all splits.
Does not cover: the archive (`archive.py`), how the range is found (`values/value_range.py`), resizing (`resize.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from fastssl.data.values.range_words import share_outside
from fastssl.data.values.value_range import ValueRange, levels_dtype, ranged_span, resolve_range, to_levels
from fastssl.data.values.value_span import ValueSpan, describe_marks
from fastssl.errors import DataError

CHANNELS = (1, 3, 4)
_TYPES = {"b": (1,), "u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (2, 4, 8)}
_NARROW = (np.uint8, np.uint16, np.int16, np.int32, np.uint32)
_CHUNK = 1 << 22
EXPECTED = "[N, H, W] or [N, H, W, C] with C 1, 3 or 4"


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The images of all splits as whole grey levels.

    Args:
        images: split -> `[N, H, W, C]` uint8 or uint16.
        value_range: the values of black and white; None: 8-bit images as they are.
        spans: of the arrays, in the values of the file.
        outside: share of the values that a given range clips.
        notes: what lies outside of a range that was found, and why.
    """

    images: dict[str, np.ndarray]
    value_range: ValueRange | None
    spans: tuple[ValueSpan, ...]
    outside: float
    notes: tuple[str, ...]


def axes_of(shape: tuple[int, ...], where: str) -> str:
    """Find which axis of an array of images is which.

    Args:
        shape: of the array.
        where: what the array is called, for the error's first words.

    Returns:
        "NHW", "NHWC", or "NCHW" where that alone gives channels, or the larger images.

    Raises:
        DataError: the shape is that of no images, or fits two orders equally well.
    """
    if len(shape) == 3:
        return "NHW"
    if len(shape) == 4:
        sides = {"NHWC": shape[1:3], "NCHW": shape[2:4]}
        channels = {"NHWC": shape[3], "NCHW": shape[1]}
        fitting = [order for order in sides if channels[order] in CHANNELS]
        if len(fitting) == 2 and min(sides["NHWC"]) == min(sides["NCHW"]):
            raise DataError(
                f"{where} have shape {list(shape)}, which may be [N, H, W, C] or [N, C, H, W]; "
                "save single channels as [N, H, W], and colours as [N, H, W, C] of more than 4 pixels"
            )
        if fitting:
            return max(fitting, key=lambda order: min(sides[order]))
    side = round(shape[-1] ** 0.5) if len(shape) == 2 else 0
    hint = f"; reshape them to [N, {side}, {side}] if they are flat" if side > 1 and side**2 == shape[-1] else ""
    hint = "; volumes have to be saved as slices" if len(shape) == 4 or len(shape) == 5 else hint
    raise DataError(f"{where} have shape {list(shape)}; expected {EXPECTED}{hint}")


def check_type(dtype: np.dtype, where: str) -> None:
    """Refuse types that are no grey values.

    Args:
        dtype: of the array, of any byte order.
        where: what the array is called, for the error's first words.

    Raises:
        DataError: the values are Python objects, complex numbers, text or records.
    """
    if dtype.hasobject:
        raise DataError(f"{where} hold Python objects (pickled), which are not loaded; save plain arrays")
    if dtype.itemsize not in _TYPES.get(dtype.kind, ()):
        raise DataError(f"{where} are {dtype}; save them as uint8, uint16 or float32")


def with_channels(images: np.ndarray, axes: str) -> np.ndarray:
    """Bring the axes of an array into one order.

    Args:
        images: the array.
        axes: as `axes_of` found them, or "NDHW" for volumes, which stay as they are.

    Returns:
        `[N, H, W, C]`, in C order; the array itself where it is so already.
    """
    if axes == "NHW":
        return images[..., None]
    return images if axes in ("NHWC", "NDHW") else np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def to_grey_levels(images: dict[str, np.ndarray], setting: str | None, where: str) -> Levels:
    """Bring the images of all splits to whole grey levels by one range.

    Args:
        images: split -> `[N, H, W, C]` of any type that `check_type` lets pass; emptied on the way, to save memory.
        setting: the range as `open_source` takes it.
        where: the file, for the errors' first words.

    Returns:
        The levels.

    Raises:
        DataError: values are no numbers, or the splits are of different types.
    """
    _check_finite(images, where)
    wide = any(array.dtype.kind in "iu" and array.dtype.itemsize == 8 for array in images.values())
    narrow = _narrow_type(images.values()) if wide else None
    plain = {split: _plain(images.pop(split), narrow) for split in list(images)}
    kinds = {"floats" if array.dtype.kind == "f" else str(array.dtype) for array in plain.values()}
    if len(kinds) > 1:
        found = ", ".join(f"{split} {array.dtype}" for split, array in plain.items())
        raise DataError(f"{where}: the splits hold images of different kinds ({found}); give them one dtype")
    spans = tuple(ValueSpan.of(array) for array in plain.values())
    own = resolve_range(setting, spans)
    dtype = levels_dtype(spans, own)
    outside = _outside(plain, own) if setting is not None else 0.0
    notes = tuple(describe_marks(ranged_span(spans))) if setting is None else ()
    levels = {split: to_levels(plain.pop(split), own, dtype) for split in list(plain)}
    return Levels(images=levels, value_range=own, spans=spans, outside=outside, notes=notes)


def _outside(images: Mapping[str, np.ndarray], value_range: ValueRange | None) -> float:
    """The share of all values that a range clips."""
    values = sum(array.size for array in images.values())
    return sum(share_outside(array, value_range) * array.size for array in images.values()) / values


def _check_finite(images: Mapping[str, np.ndarray], where: str) -> None:
    for split, array in images.items():
        if array.dtype.kind != "f":
            continue
        rows = max(1, _CHUNK // max(1, array[0].size))
        for start in range(0, len(array), rows):
            odd = ~np.isfinite(array[start : start + rows])
            if odd.any():
                first = start + int(odd.reshape(len(odd), -1).any(axis=1).argmax())
                raise DataError(
                    f"{where}: {split}_images hold values that are no numbers (NaN or infinite), the first in image "
                    f"{first}; replace them, or leave these images out"
                )


def _narrow_type(arrays: Iterable[np.ndarray]) -> np.dtype:
    """The first type that holds all values of integer arrays; float64 where none does."""
    lowest = min(int(array.min()) for array in arrays if array.dtype.kind in "iu")
    highest = max(int(array.max()) for array in arrays if array.dtype.kind in "iu")
    for dtype in _NARROW:
        limits = np.iinfo(dtype)
        if limits.min <= lowest and highest <= limits.max:
            return np.dtype(dtype)
    return np.dtype(np.float64)


def _plain(array: np.ndarray, narrow: np.dtype | None) -> np.ndarray:
    """In the byte order of this machine and a type that images of files have; True as white."""
    if array.dtype.kind == "b":
        return array.view(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu" and narrow is not None:
        return array.astype(narrow, copy=False)
    if array.dtype == np.int8:
        return array.astype(np.int16)
    if array.dtype.kind == "f" and array.dtype.itemsize == 2:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
