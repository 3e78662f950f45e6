"""One image file as a square.

Covers: reading a file, measuring its values, resizing it. Does not cover: the file's meaning (`reading`), many files
(`decode_files.py`), grey levels (`values/value_range.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.reading import read_image_file
from fastssl.data.resize import square
from fastssl.data.values.value_span import ValueSpan

_SEVEN_BITS = 128


@dataclass(frozen=True, kw_only=True)
class Square:
    """The central square of an image, in the values of its file.

    Args:
        pixels: `[S, S, C]`, C 1 or 3, of a type that `RawImage` has.
        span: of the values of the whole image, before it was resized.
        bilevel: it is black and white only.
        pages: how many images the file holds.
        notes: what was changed or left out in reading it.
    """

    pixels: np.ndarray
    span: ValueSpan
    bilevel: bool
    pages: int
    notes: tuple[str, ...]


def read_square(path: Path, size: int, max_megapixels: int) -> Square:
    """Read an image file as a square: its short side becomes `size` pixels, then the centre is kept.

    Args:
        path: of the file.
        size: side of the square, in pixels.
        max_megapixels: larger images are refused.

    Returns:
        The square.

    Raises:
        DataError: the file cannot be read.
    """
    image = read_image_file(path, max_megapixels=max_megapixels, at_least=size)
    span = ValueSpan.of(image.pixels)
    if image.reduced and span.highest < _SEVEN_BITS:  # a few bright pixels say whether the 8 bits are used
        span = ValueSpan.of(read_image_file(path, max_megapixels=max_megapixels).pixels)
    return Square(
        pixels=square(image.pixels, size),
        span=span,
        bilevel=image.bilevel,
        pages=image.pages,
        notes=image.notes,
    )
