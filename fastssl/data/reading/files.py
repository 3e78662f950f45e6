"""The one door to image files; being completed, common cases work."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .records import ImageFileError, LabelMap, RawImage


def _open(path: Path, max_megapixels: int):
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > max_megapixels * 1_000_000:
                raise ImageFileError(path, "too large; allow it with --max-megapixels")
            return ImageOps.exif_transpose(opened), getattr(opened, "n_frames", 1)
    except ImageFileError:
        raise
    except Exception as error:
        raise ImageFileError(path, " ".join(str(error).split()) or type(error).__name__) from None


def read_image_file(path: Path, *, max_megapixels: int, at_least: int | None = None) -> RawImage:
    """Read the first image of a file.

    Args:
        path: of the file.
        max_megapixels: larger images are refused before any pixel is decoded.
        at_least: a JPEG may be decoded at a smaller scale, if its short side keeps twice as many pixels; None: never.

    Returns:
        The image.

    Raises:
        ImageFileError: it is damaged, too large, or no image that can be read.
    """
    image, pages = _open(path, max_megapixels)
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        pixels = np.asarray(image)
        if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() < 65536:
            pixels = pixels.astype(np.uint16)
        return RawImage(pixels=pixels.astype(pixels.dtype.newbyteorder("="))[..., None], pages=pages)
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        from PIL import Image

        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    if image.mode == "1":
        return RawImage(pixels=np.asarray(image.convert("L"))[..., None], bilevel=True, pages=pages)
    pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return RawImage(pixels=pixels[..., None] if grey else pixels, pages=pages)


def read_label_file(path: Path, *, max_megapixels: int) -> LabelMap:
    """Read a mask: a whole number for each pixel, by what the file means.

    Args:
        path: of the file.
        max_megapixels: larger images are refused before any pixel is decoded.

    Returns:
        The labels.

    Raises:
        ImageFileError: it is damaged, too large, no image that can be read, or holds fractions.
    """
    image, pages = _open(path, max_megapixels)
    lossy = image.format == "JPEG"
    if image.mode == "1":
        return LabelMap(values=np.asarray(image).astype(np.uint8), kind="bilevel", pages=pages)
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return LabelMap(values=np.asarray(image), kind="palette", colours=palette, pages=pages)
    if image.mode in ("L", "I", "I;16", "I;16B", "I;16L", "F"):
        return LabelMap(values=np.asarray(image), kind="grey", lossy=lossy, pages=pages)
    pixels = np.asarray(image.convert("RGB")).astype(np.int32)
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    found, rows = np.unique(packed, return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1).astype(np.uint8)
    return LabelMap(
        values=rows.reshape(packed.shape).astype(np.int32), kind="colour", colours=colours, lossy=lossy, pages=pages
    )
