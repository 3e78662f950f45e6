"""The images of one file as squares.

Covers: reading a file, measuring its values, resizing it, a slice's neighbours in its series. Does not cover: the
file's meaning (`reading`), many files (`squares.py`), grey levels (`values/value_range.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from fastssl.data.reading import ImageFileError, RawImage, ReadingOptions, read_frames, read_image_file
from fastssl.data.resize import square
from fastssl.data.values.value_span import ValueSpan

_SEVEN_BITS = 128


@dataclass(frozen=True, kw_only=True)
class PackItem:
    """A file to decode.

    Args:
        path: relative to the folder.
        before: the file of the slice before it in its series, which becomes the first channel; "" for none.
        after: likewise of the slice after it, the third channel.
    """

    path: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, kw_only=True)
class Square:
    """The central square of an image, in the values of its file.

    Args:
        pixels: `[S, S, C]`, C 1 or 3, of a type that `RawImage` has.
        span: of the values of the whole image, before it was resized.
        frame: its number in the file.
        bilevel: it is black and white only.
        windowed: its values are grey levels already.
        notes: what was changed or left out in reading it.
    """

    pixels: np.ndarray
    span: ValueSpan
    frame: int = 0
    bilevel: bool = False
    windowed: bool = False
    notes: tuple[str, ...] = ()


def read_squares(root: Path, item: PackItem, size: int, options: ReadingOptions) -> list[Square]:
    """Read the images of a file as squares: the short side becomes `size` pixels, then the centre is kept.

    Args:
        root: the folder.
        item: the file.
        size: side of the squares, in pixels.
        options: how files are read.

    Returns:
        The squares, in the order of the file; none where all its images are empty.

    Raises:
        ImageFileError: the file, or that of a neighbour, cannot be read.
        DataError: the operating system refuses it.
    """
    path = root / item.path
    squares = [_square(image, path, size, options) for image in read_frames(path, _alone(options, item), at_least=size)]
    if not options.neighbours or not (item.before or item.after) or len(squares) != 1:
        return squares
    return [_beside(squares[0], root, item, size, options)]


def _alone(options: ReadingOptions, item: PackItem) -> ReadingOptions:
    """How a slice is read whose neighbours are files of their own."""
    return replace(options, neighbours=False) if item.before or item.after else options


def _square(image: RawImage, path: Path, size: int, options: ReadingOptions) -> Square:
    span = _full_span(image.pixels.dtype, image.pixels.size) if image.windowed else ValueSpan.of(image.pixels)
    if image.reduced and span.highest < _SEVEN_BITS:  # a few bright pixels say whether the 8 bits are used
        span = ValueSpan.of(read_image_file(path, max_megapixels=options.max_megapixels).pixels)
    return Square(
        pixels=square(image.pixels, size),
        span=span,
        frame=image.frame,
        bilevel=image.bilevel,
        windowed=image.windowed,
        notes=image.notes,
    )


@cache
def _full_span(dtype: np.dtype, pixels: int) -> ValueSpan:
    """The span of grey levels, which have the whole range of their type whether they use it or not."""
    return ValueSpan(lowest=0.0, highest=float(np.iinfo(dtype).max), dtype=dtype, pixels=pixels)


def _beside(own: Square, root: Path, item: PackItem, size: int, options: ReadingOptions) -> Square:
    """A slice between its neighbours as channels; itself in the place of one that is not there."""
    channels = []
    for path in (item.before or item.path, item.path, item.after or item.path):
        if path == item.path:
            channels.append(own.pixels)
            continue
        (found,) = read_squares(root, PackItem(path=path), size, replace(options, neighbours=False)) or [own]
        channels.append(found.pixels)
    if {part.shape[2] for part in channels} != {1} or len({part.dtype for part in channels}) > 1:
        raise ImageFileError(root / item.path, "it and its neighbours in the series are not grey images of one type")
    return replace(own, pixels=np.concatenate(channels, axis=2))
