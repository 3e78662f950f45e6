"""The strips and tiles of a TIFF page, checked before they are decoded.

Covers: missing ones, and those that would need far more memory than the page. Does not cover: decoding (`tiff.py`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from .jpeg2000 import read_codestream
from .samples import UnreadableError
from .tiff_jpeg import JPEG
from .wide_jpeg import read_frame

if TYPE_CHECKING:
    from tifffile import TiffPage

_TILE_PIXELS = 1 << 26
_JPEG2000 = (33003, 33005, 34712)
_HEADER_BYTES = 4096
_LEAST_OFFSET = 8
"""Bytes of a TIFF file's own header."""


def check_segments(page: TiffPage) -> None:
    """Refuse a page of which some strips or tiles are missing, or much larger than they should be.

    Args:
        page: of an open file.

    Raises:
        UnreadableError: the text says what is wrong.
    """
    size = page.parent.filehandle.size
    if page.is_tiled and page.tilewidth * page.tilelength * page.tiledepth > max(_TILE_PIXELS, page.size):
        raise UnreadableError(f"damaged: tiles of {page.tilewidth}x{page.tilelength} pixels")
    if page.is_contiguous:
        if page.dataoffsets[0] < _LEAST_OFFSET or page.dataoffsets[0] + page.nbytes > size:
            raise UnreadableError("truncated: some of its pixels are missing")
        return
    needed = int(np.prod(page.chunked))
    segments = list(zip(page.dataoffsets[:needed], page.databytecounts[:needed], strict=False))
    if len(segments) < needed or not all(at > 0 and length > 0 and at + length <= size for at, length in segments):
        raise UnreadableError("truncated: some of its strips or tiles are missing")
    for at, length in segments:
        _check_embedded(page, at, length)


def _check_embedded(page: TiffPage, at: int, length: int) -> None:
    """Compare the size that an embedded image states with that of its strip or tile, which is padded by some pixels."""
    file = page.parent.filehandle
    if page.compression == JPEG:
        frame = read_frame(file, at)
        width, height = frame.width, frame.height
    elif page.compression in _JPEG2000:
        file.seek(at)
        stream = read_codestream(io.BytesIO(file.read(min(length, _HEADER_BYTES))))
        width, height = stream.width, stream.height
    else:
        return
    expected = page.tilewidth * page.tilelength if page.is_tiled else page.imagewidth * page.rowsperstrip
    if width * height > 4 * expected + 65536:
        raise UnreadableError(f"damaged: an image of {width}x{height} pixels in a strip or tile of {expected}")
