"""Images and labels as they come, one after the other, before they are written.

Covers: NumPy arrays, pictures of Pillow and tensors in host memory as images; whole numbers, text and rows of several
labels as labels; what cannot be written, in one line that says which image it was. Does not cover: grey levels and
files (`writer.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastssl.data.npz.images import CHANNELS
from fastssl.data.resize import square
from fastssl.errors import DataError

_MODES = ("L", "RGB", "RGBA", "I;16", "I", "F")
"""Of Pillow's pictures, those whose numbers are grey levels or colours; of others they are indices or bits."""
NO_LABEL = object()
"""Of an image that came without a label."""

Sample = Any
"""`image` or `(image, label)`."""


class ReadSample(NamedTuple):
    """An image `[H, W, C]` and its label: a number, text, a tuple of numbers, or `NO_LABEL`."""

    pixels: np.ndarray
    label: object


def read_samples(
    samples: Iterable[Sample], split: str, size: int | None, *, like: ReadSample | None = None
) -> Iterator[ReadSample]:
    """Check what an iterable yields.

    Args:
        samples: images or (image, label) pairs.
        split: their name, for an error's first words.
        size: side of the square that each image is resized to, in pixels; None: they are squares already.
        like: the first sample of another split, of whose shape and type these must be.

    Yields:
        The samples, all of one shape and type, all with a label or all without.

    Raises:
        DataError: an image or a label cannot be written.
    """
    first: ReadSample | None = None
    for number, sample in enumerate(samples):
        where = f"{split}: image {number}"
        image, label = sample if isinstance(sample, tuple) and len(sample) == 2 else (sample, NO_LABEL)
        pixels = _pixels(image, where)
        if size is not None:
            pixels = square(pixels, size)
        read = ReadSample(pixels, label if label is NO_LABEL else _label(label, where))
        first = first or read
        _check_image(pixels, like or first, where)
        _check_label(read.label, first.label, where)
        yield read


def _pixels(image: Any, where: str) -> np.ndarray:
    mode = None if isinstance(image, np.ndarray) else getattr(image, "mode", None)  # a memory map has another mode
    if isinstance(mode, str) and mode not in _MODES:
        raise DataError(f"{where} is a picture of mode {mode}; bring it to grey or colour by .convert('L') or 'RGB'")
    try:
        pixels = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{where} is no array ({type(image).__name__}: {error}); give [H, W] or [H, W, C]") from None
    if pixels.dtype.kind not in "iuf" or pixels.dtype.itemsize > 8:
        raise DataError(f"{where} is {type(image).__name__} of {pixels.dtype}; give arrays of uint8 or uint16")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in CHANNELS or not pixels.size:
        raise DataError(f"{where} has shape {list(pixels.shape)}; give [H, W] or [H, W, C] with C 1, 3 or 4")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(f"{where} holds values that are no numbers (NaN or infinite); replace them or leave it out")
    return pixels


def _check_image(pixels: np.ndarray, like: ReadSample, where: str) -> None:
    """Refuse an image that is no square, or not like the first one."""
    height, width, _ = pixels.shape
    if height != width:
        raise DataError(f"{where} has {height}x{width} px; give a size, to which the central squares are resized")
    if (pixels.dtype, pixels.shape) != (like.pixels.dtype, like.pixels.shape):
        own, first = (f"{image.dtype} {list(image.shape)}" for image in (pixels, like.pixels))
        raise DataError(f"{where} is {own}, and the first image {first}; give one type, and a size to resize them to")


def _check_label(label: object, first: object, where: str) -> None:
    """Refuse a label that is not like the first one of its split."""
    if (label is NO_LABEL) != (first is NO_LABEL):
        how = "without a label, and the first image with one" if label is NO_LABEL else "with a label, unlike the first"
        raise DataError(f"{where} comes {how}; give each image one, -1 where it is not known")
    if _length(label) != _length(first):
        raise DataError(f"{where} has label {label!r}, and the first image {first!r}; give labels of one kind")


def _length(label: object) -> int:
    return len(label) if isinstance(label, tuple) else 0


def _label(label: Any, where: str) -> object:
    """A number or text, or a tuple of numbers; None is an unknown one, -1."""
    if label is None or isinstance(label, (int, str)):
        return -1 if label is None else label
    try:
        values = np.asarray(label)
    except (TypeError, ValueError, RuntimeError):
        values = np.asarray(None)
    whole = values.dtype.kind in "biu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))
    if not whole or values.ndim > 1 or not values.size:
        raise DataError(f"{where} has label {label!r}; give a whole number, text, or a row of 0 and 1")
    numbers = values.reshape(-1).astype(np.int64).tolist()
    return numbers[0] if len(numbers) == 1 else tuple(numbers)
