"""From samples to the pixels of an image.

Covers: palettes, transparency over black, fewer than 8 bits, types. Does not cover: finding the samples' meaning,
which is the readers' task; the range of a set's values (`fastssl.data.values.value_range`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .samples import Samples, UnreadableError, image_dtype, is_grey

_ROWS = 64
TRANSPARENT = "transparent everywhere; the colours are taken and the transparency is left out"


def to_pixels(samples: Samples) -> tuple[np.ndarray, tuple[str, ...]]:
    """Make the pixels of an image.

    Args:
        samples: of its file.

    Returns:
        `[H, W, 1]` or `[H, W, 3]`, of the type that `image_dtype` names, and the notes.

    Raises:
        UnreadableError: values that are not finite, or integers of 64 bits beyond 32.
    """
    values, top = samples.values, samples.top
    if samples.palette is not None:
        colours = samples.palette[:, :1] if is_grey(samples.palette) else samples.palette
        values, top = colours[values[..., 0]], np.iinfo(colours.dtype).max
    elif values.dtype == np.uint8 and top < 255:
        values, top = _stretched(values, top), 255
    notes = samples.notes
    if samples.alpha is not None and not (samples.alpha == samples.alpha_top).all():
        if not samples.alpha.any():
            notes = (*notes, TRANSPARENT)
        elif not samples.premultiplied:
            values = over_black(values, samples.alpha, samples.alpha_top)
    return narrowed(values), notes


def over_black(values: np.ndarray, alpha: np.ndarray, alpha_top: int) -> np.ndarray:
    """Lay an image over black.

    Args:
        values: `[H, W, C]`, unsigned integers or floats.
        alpha: `[H, W]`, opacity.
        alpha_top: the value of what is opaque.

    Returns:
        values * alpha / alpha_top, integers rounded as Pillow's `alpha_composite` rounds them.
    """

    def lay(rows: slice) -> np.ndarray:
        own, opacity = values[rows], alpha[rows, :, None]
        if values.dtype.kind == "f":
            return own * (opacity / alpha_top)
        if values.dtype == np.uint8 and alpha_top == 255:
            return (own.astype(np.uint16) * opacity + 127) // 255
        return np.rint(own.astype(np.float64) * opacity / alpha_top)

    return by_rows(lay, values.shape, values.dtype)


def by_rows(make: Callable[[slice], np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Make an image from parts of some rows, so that no other array of its size is needed on the way.

    Args:
        make: makes the rows of a slice, of any type.
        shape: `[H, W, C]`.
        dtype: of the image.

    Returns:
        The image.
    """
    out = np.empty(shape, dtype)
    for start in range(0, shape[0], _ROWS):
        out[start : start + _ROWS] = make(slice(start, start + _ROWS))
    return out


def _stretched(values: np.ndarray, top: int) -> np.ndarray:
    """Bring 0 to `top` to 0 to 255."""
    if 255 % top == 0:
        return np.minimum(values, top) * np.uint8(255 // top)
    levels = np.minimum(np.rint(np.arange(256) * (255 / top)), 255).astype(np.uint8)
    return levels[values]


def narrowed(values: np.ndarray) -> np.ndarray:
    """Bring values to the type of an image.

    Args:
        values: of any shape and number type.

    Returns:
        The same numbers, in the type that `image_dtype` names; floats are rounded to its precision.

    Raises:
        UnreadableError: values that are not finite, or whole numbers beyond 32 bits.
    """
    dtype = image_dtype(values.dtype)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = values.astype(dtype, copy=False)
        if not np.isfinite(values).all():
            raise UnreadableError("holds NaN or infinite values; replace them by numbers")
        return values
    if values.dtype.itemsize == 8:
        limits = np.iinfo(dtype)
        if values.min() < limits.min or values.max() > limits.max:
            raise UnreadableError("holds whole numbers beyond 32 bits; save it with 16 bits")
    return values.astype(dtype, copy=False)
