"""What is read from an image file.

Covers: the records of an image, of a label map, and of a file that cannot be read. Does not cover: reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fastssl.errors import DataError

LabelKind = Literal["bilevel", "palette", "grey", "colour", "transparency"]


class ImageFileError(DataError):
    """An image file that cannot be read, or must not be: one line that names the file and the reason.

    Args:
        path: of the file.
        reason: what is wrong with it, and what to do.
        passing: it may be read another time, when more memory is free.
    """

    def __init__(self, path: Path, reason: str, *, passing: bool = False) -> None:
        self.path = path
        self.reason = reason
        self.passing = passing
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, kw_only=True)
class RawImage:
    """An image of a file, upright, with 0 as black, transparency laid over black.

    Args:
        pixels: `[H, W, C]`, C 1 or 3; uint8, uint16, int16, int32, uint32 or float32, values as the file has them.
        bilevel: it is black and white only: 0 and 255.
        pages: how many images the file holds.
        reduced: it was decoded at a smaller scale, so that single bright pixels may be missing.
        orientation: the tag by which it was turned upright, 1 to 8 (TIFF 6.0, section 8); 1: it was not.
        notes: what was changed or left out, a short clause each, the same words for each file of that kind.
        frame: its number in the file, from 0: of a film or a volume, which slice or frame it is.
        windowed: its values are grey levels from 0 to the largest value of their type already, since a window was
            applied; the range of other values does not apply to it.
    """

    pixels: np.ndarray
    bilevel: bool = False
    pages: int = 1
    reduced: bool = False
    orientation: int = 1
    notes: tuple[str, ...] = ()
    frame: int = 0
    windowed: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """A whole number for each pixel of a mask, by what its file means.

    Args:
        values: `[H, W]` uint8, uint16, int16, int32 or uint32: 0 and 1 of a bilevel file, the indices of a palette,
            the values of grey, or the rows of `colours`.
        kind: which of these; "transparency" is 0 where a file of one colour is transparent and 1 where it is not.
        colours: `[K, 3]` uint8, the colour of each index or row; None for the other kinds.
        lossy: it was compressed with loss, so that values near each other may mean the same.
        pages: how many images the file holds.
        orientation: as of an image.
        notes: what was changed or left out, a short clause each.
    """

    values: np.ndarray
    kind: LabelKind
    colours: np.ndarray | None = None
    lossy: bool = False
    pages: int = 1
    orientation: int = 1
    notes: tuple[str, ...] = ()
