"""Reading one image file.

Covers: JPEG, PNG, TIFF and BMP of any Pillow mode, as uint8 or uint16 with 1 or 3 channels. Does not cover: DICOM,
NIfTI and other volumes; pages of a TIFF after the first; many files (`decode_files.py`).

The rules for a file: the EXIF orientation is applied; transparent pixels are laid over black; palettes, CMYK and other
colour spaces become RGB, a palette of greys becomes grey; bilevel images become 0 and 255; 16-bit grey stays 16-bit,
values unchanged; 16-bit colour is narrowed to 8 bits by Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .resize import square

if TYPE_CHECKING:
    from PIL import Image

_WIDE_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_GREY = ("1", "L", "LA", "La", *_WIDE_GREY)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known of an image before its pixels are decoded.

    Args:
        width: in pixels, before the EXIF orientation is applied.
        height: likewise.
        grey: it has one channel, besides transparency.
        wide: it is 16-bit grey.
        narrowed: it is 16-bit colour, which Pillow reads as 8-bit.
        bilevel: it is black and white only.
        pages: how many images the file holds.
    """

    width: int
    height: int
    grey: bool
    wide: bool
    narrowed: bool
    bilevel: bool
    pages: int


def read_header(path: Path) -> Header:
    """Read the header of an image file.

    Args:
        path: of the file.

    Returns:
        What it says of the image.

    Raises:
        Exception: any that Pillow raises for a damaged file.
    """
    from PIL import Image

    with Image.open(path) as image:
        wide = image.mode in _WIDE_GREY
        return Header(
            width=image.width,
            height=image.height,
            grey=image.mode in _GREY or _grey_palette(image),
            wide=wide,
            narrowed=not wide and ";16" in str(image.tile),
            bilevel=image.mode == "1",
            pages=getattr(image, "n_frames", 1),
        )


def read_image(path: Path, size: int, channels: int, dtype: np.dtype) -> np.ndarray:
    """Decode an image file to a square: its short side becomes `size` pixels, then the centre is kept.

    Args:
        path: of the file.
        size: side of the square, in pixels.
        channels: 1, or 3, for which grey images are repeated.
        dtype: uint8, or uint16, for which 8-bit values are multiplied by 257, so that white stays white.

    Returns:
        `[size, size, channels]` of `dtype`.

    Raises:
        ValueError: the pixels have neither 8 nor 16 bits.
        Exception: any that Pillow raises for a damaged file.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        # As Pillow's own thumbnails: a large JPEG is decoded at the power-of-two scale that is still twice the target.
        opened.draft(None, (2 * size, 2 * size))
        image = ImageOps.exif_transpose(opened)
        pixels = _wide_pixels(image) if image.mode in _WIDE_GREY else _pixels(image, channels)
    pixels = square(pixels, size)
    if pixels.dtype != dtype:
        pixels = pixels.astype(dtype) * np.asarray(257, dtype)
    return np.repeat(pixels, channels, axis=-1) if pixels.shape[-1] < channels else pixels


def _wide_pixels(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    if pixels.dtype.itemsize > 2 and (pixels.min() < 0 or pixels.max() > 65535):
        raise ValueError(f"32-bit values from {pixels.min()} to {pixels.max()}, beyond 16 bits")
    return pixels.astype(np.uint16)[..., None]


def _pixels(image: Image.Image, channels: int) -> np.ndarray:
    from PIL import Image

    if image.mode == "F":
        raise ValueError("float pixels; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    elif image.mode == "P":
        image = image.convert("RGB")
    image = image.convert("L" if channels == 1 else "RGB")
    return np.asarray(image).reshape(image.height, image.width, channels)


def _grey_palette(image: Image.Image) -> bool:
    if image.mode not in ("P", "PA"):
        return False
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())
