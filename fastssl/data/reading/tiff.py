"""Reading TIFF files with tifffile.

Covers: every layout, compression and number of bits that tifffile decodes, and the way from samples to grey or RGB.
Does not cover: which page (`tiff_pages.py`), what its samples mean (`tiff_meaning.py`), what its strips and tiles hold
(`tiff_segments.py`). YCbCr without JPEG and old
JPEG are left to Pillow (`through_pillow.py`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .orientation import upright
from .samples import ImageHeader, ImageReader, Samples, UnreadableError, image_dtype, is_grey
from .through_pillow import PillowReader
from .tiff_jpeg import JPEG, decode_jpeg
from .tiff_meaning import TiffMeaning, meaning_of, stored_dtype
from .tiff_pages import first_page
from .tiff_segments import check_segments
from .to_image import by_rows

if TYPE_CHECKING:
    from tifffile import TiffPage

_OLD_JPEG = 6
_CONVERTED = {"cmyk": ("uint8", "uint16"), "lab": ("uint8", "int8")}

# Without a handler of their own, tifffile's remarks on odd tags would go to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def open_tiff(file: BinaryIO) -> ImageReader:
    """Open a TIFF file.

    Args:
        file: the file, from its start.

    Returns:
        Its reader.

    Raises:
        UnreadableError: it is of a kind that is not read.
        Exception: any that tifffile raises for a damaged file.
    """
    reader = TiffReader(file)
    left_to_pillow = reader.meaning.colour == "ycbcr" and not reader.meaning.jpeg
    if left_to_pillow or reader.page.compression == _OLD_JPEG:
        return PillowReader(file, "TIFF")
    return reader


class TiffReader:
    """Reads one TIFF file.

    Args:
        file: the file, from its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        from tifffile import TiffFile

        file.seek(0)
        self._tiff = TiffFile(file)
        self.page, pages = first_page(self._tiff)
        self.meaning = meaning_of(self.page)
        self.size = self.page.imagewidth, self.page.imagelength * self.page.imagedepth
        self._palette = _palette(self.page) if self.meaning.colour == "palette" else None
        stored, channels = stored_dtype(self.meaning), 1 if self.meaning.samples == 1 else 3
        dtype = image_dtype(stored)
        if self._palette is not None:
            dtype, channels = self._palette.dtype, 1 if is_grey(self._palette) else 3
        elif self.meaning.colour in _CONVERTED:
            if stored.name not in _CONVERTED[self.meaning.colour]:
                raise UnreadableError(f"{self.meaning.colour} colours stored as {stored.name}; save it as RGB")
            dtype = stored if self.meaning.colour == "cmyk" else np.dtype(np.uint8)
        self.header = ImageHeader(
            width=self.page.imagewidth,
            height=self.page.imagelength,
            channels=channels,
            dtype=dtype,
            bilevel=self.meaning.bits == 1 and self._palette is None,
            pages=pages,
        )

    def read(self, at_least: int | None = None) -> Samples:
        meaning = self.meaning
        pixels = upright(decode_page(self.page), meaning.orientation)
        top = 2**meaning.bits - 1
        values = pixels[..., : meaning.samples]
        if meaning.colour == "white is 0":
            values = ~values if meaning.format == 2 else np.asarray(top, values.dtype) - values
        elif meaning.colour == "cmyk":
            values = _rgb_of_cmyk(values)
        elif meaning.colour == "lab":
            values = _rgb_of_lab(values, meaning)
        return Samples(
            values=values,
            top=top,
            palette=self._palette,
            alpha=None if meaning.alpha is None else pixels[..., meaning.alpha],
            alpha_top=1 if meaning.format == 3 else top,
            premultiplied=meaning.premultiplied,
            lossy=meaning.lossy,
            orientation=meaning.orientation,
            notes=meaning.notes,
        )


def decode_page(page: TiffPage) -> np.ndarray:
    """Decode a page whose strips and tiles are checked first.

    Args:
        page: of an open file, of a kind that `meaning_of` lets pass.

    Returns:
        `[H, W, S]`, all its samples, in the machine's byte order.

    Raises:
        UnreadableError: some of it is missing or damaged.
        Exception: any that tifffile raises for damage.
    """
    check_segments(page)
    # [planes, depth, H, W, samples of a plane]
    pixels = decode_jpeg(page) if page.compression == JPEG else page.asarray(squeeze=False, maxworkers=1)
    if pixels.shape != page.shaped:
        raise UnreadableError("damaged: it holds no pixels")
    pixels = np.moveaxis(pixels[:, 0], 0, 2).reshape(*pixels.shape[2:4], -1)
    if pixels.dtype == bool:
        pixels = pixels.view(np.uint8)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _palette(page: TiffPage) -> np.ndarray:
    """`[K, 3]` uint8 where the 16 bits of the colours are 8 bits written twice, or shifted; else uint16."""
    if page.colormap is None:
        raise UnreadableError("damaged: it has no palette")
    colours = np.asarray(page.colormap, np.uint16).reshape(3, -1).T
    if colours.max() < 256:  # some programs write 8 bits as they are (libtiff's checkcmap)
        return colours.astype(np.uint8)
    high, low = colours >> 8, colours & 255
    return high.astype(np.uint8) if (low == high).all() or not low.any() else colours


def _rgb_of_cmyk(inks: np.ndarray) -> np.ndarray:
    """`[H, W, 3]`: white less black less the ink, as Pillow has it, without a profile."""
    top = int(np.iinfo(inks.dtype).max)

    def mix(rows: slice) -> np.ndarray:
        white = top - inks[rows, :, 3:].astype(np.int64)
        return np.maximum(white - (inks[rows, :, :3] * white * 2 + top) // (2 * top), 0)

    return by_rows(mix, (*inks.shape[:2], 3), inks.dtype)


def _rgb_of_lab(values: np.ndarray, meaning: TiffMeaning) -> np.ndarray:
    """`[H, W, 3]` uint8, by Pillow's profile of LAB."""
    from PIL import Image

    stored = np.ascontiguousarray(values).view(np.uint8)
    if meaning.ink_lab:
        stored = stored ^ np.array([0, 128, 128], np.uint8)  # Pillow takes a and b as signed
    height, width = stored.shape[:2]
    return np.asarray(Image.frombytes("LAB", (width, height), stored.tobytes()).convert("RGB"))
