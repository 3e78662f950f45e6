"""Small images as data URIs, which a page holds in itself.

Covers: single images, and one sheet of the images of a map. Does not cover: which images.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fastssl.previews.sections import original_section

SIDE = 64
"""Pixels of the longer side of an image that is shown by itself, at most."""
TILE = 32
"""Pixels of the side of an image in the sheet of a map; whole blocks of JPEG, so that neighbours do not mix."""
SMALL = 40
"""Side up to which PNG is smaller than JPEG, or hardly larger, and exact."""
QUALITY = 80
SHEET_QUALITY = 70


def as_rgb(images: np.ndarray) -> list[np.ndarray]:
    """Turn stored images into what a person sees.

    Args:
        images: uint8 or uint16 `[N, H, W, C]`; four channels are shown as four grey quarters.

    Returns:
        N arrays uint8 `[H, W, 3]`.
    """
    return original_section(images, [""] * len(images)).rows[0].images


def thumbnail_uri(pixels: np.ndarray, side: int = SIDE) -> str:
    """Write an image as a data URI.

    Args:
        pixels: uint8 `[H, W, 3]`.
        side: of the longer side at most, in pixels; a larger image is made smaller.

    Returns:
        Of a small image a PNG, of others a JPEG.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    grey = image.convert("L")
    if not np.any(np.asarray(image) - np.asarray(grey)[..., None]):
        image = grey
    return _uri(image, "PNG" if max(image.size) <= SMALL else "JPEG", QUALITY)


def file_uri(path: Path, side: int) -> str | None:
    """Write an image file as a data URI.

    Args:
        path: of a PNG file.
        side: of the longer side at most, in pixels.

    Returns:
        A JPEG; None where the file is no sound image.
    """
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _uri(image, "JPEG", QUALITY)


def tile_sheet(images: Sequence[np.ndarray]) -> tuple[str, int]:
    """Write images as one, row by row, each `TILE` pixels wide and high.

    Args:
        images: uint8 `[H, W, 3]` each; at least one.

    Returns:
        A data URI, and how many images a row has.
    """
    columns = math.isqrt(len(images) - 1) + 1
    sheet = Image.new("RGB", (columns * TILE, -(-len(images) // columns) * TILE))
    for place, pixels in enumerate(images):
        tile = Image.fromarray(np.ascontiguousarray(pixels)).resize((TILE, TILE), Image.Resampling.BILINEAR)
        sheet.paste(tile, (place % columns * TILE, place // columns * TILE))
    grey = all(np.array_equal(one[..., 0], one[..., 1]) and np.array_equal(one[..., 0], one[..., 2]) for one in images)
    return _uri(sheet.convert("L") if grey else sheet, "JPEG", SHEET_QUALITY), columns


def _uri(image: Image.Image, form: str, quality: int) -> str:
    content = io.BytesIO()
    options = {"optimize": True} if form == "PNG" else {"quality": quality, "optimize": True}
    image.save(content, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
