"""Decoding the JPEG strips and tiles of a TIFF page.

Covers: what tifffile would do, by libjpeg-turbo alone: for damaged data, tifffile's decoder falls back on one that may
end the process. Does not cover: old-style JPEG, which is left to Pillow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .samples import UnreadableError

if TYPE_CHECKING:
    from tifffile import TiffPage

JPEG = 7
_GREY, _RGB, _CMYK = 1, 2, 4
_PHOTOMETRIC_RGB, _SEPARATED, _YCBCR = 2, 5, 6


def decode_jpeg(page: TiffPage) -> np.ndarray:
    """Decode the pixels of a page.

    Args:
        page: of an open file, whose strips and tiles were checked.

    Returns:
        `[planes, 1, H, W, samples of a plane]`; YCbCr is turned to RGB.

    Raises:
        UnreadableError: a strip or tile is of another size or type than the page says.
        Exception: any of the decoder for a damaged one.
    """
    if page.jpegheader is not None or page.imagedepth != 1:
        raise UnreadableError("a slide or volume in one page; save a part of it as PNG or TIFF")
    file, pixels = page.parent.filehandle, np.empty(page.shaped, page.dtype)
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    across = -(-page.imagewidth // columns)
    of_a_plane = across * -(-page.imagelength // rows)
    for index in range(of_a_plane * page.shaped[0]):
        plane, place = divmod(index, of_a_plane)
        top, left = place // across * rows, place % across * columns
        file.seek(page.dataoffsets[index])
        segment = _decode(page, file.read(page.databytecounts[index]))
        target = pixels[plane, 0, top : top + rows, left : left + columns]
        height, width, samples = target.shape
        fits = segment.shape[0] >= height and segment.shape[1] >= width and segment.shape[2] == samples
        if segment.dtype != page.dtype or not fits:
            raise UnreadableError("damaged: a strip or tile is of another size or type than the image")
        target[...] = segment[:height, :width]
    return pixels


def _decode(page: TiffPage, data: bytes) -> np.ndarray:
    """One strip or tile, `[H, W, S]`."""
    import imagecodecs

    stored = wanted = None
    if page.planarconfig != 1:
        wanted = _GREY
    elif not page.extrasamples and page.photometric == _YCBCR:
        wanted = _RGB
    elif not page.extrasamples and page.photometric == _PHOTOMETRIC_RGB:
        wanted, stored = _RGB, None if b"JFIF" in data[:32] else _RGB
    elif not page.extrasamples and page.photometric == _SEPARATED:
        wanted = _CMYK
    pixels = imagecodecs.jpeg8_decode(data, tables=page.jpegtables, colorspace=stored, outcolorspace=wanted)
    return pixels.reshape(*pixels.shape[:2], -1)
