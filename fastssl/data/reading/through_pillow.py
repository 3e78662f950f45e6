"""Reading image files with Pillow.

Covers: JPEG, PNG of up to 8 bits, GIF, WebP, BMP, TGA, PCX, AVIF, JPEG 2000 of 8 bits, portable bitmaps, and the kinds
of TIFF that `tiff.py` leaves to Pillow. Does not cover: samples of more than 8 bits, which Pillow narrows or misreads.

Pillow's plugins are called directly, not through `Image.open`: its limit of pixels is a global of the process, which is
not ours to change, and it would try every format that it knows, PostScript among them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .orientation import orientation_of
from .samples import ImageHeader, Samples, is_grey

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

_GREY = ("1", "L", "LA", "La", "F")
_SCALED = {"L;2": 3, "L;4": 15}
_LOSSY = ("JPEG", "MPO", "AVIF")
NARROWED = "more than 8 bits per sample, read as 8"


class PillowReader:
    """Reads one file with the plugin of one format.

    Args:
        file: the file, from its start.
        plugin: Pillow's name of the format.
        lossy: it was compressed with loss, where the format does not say so by itself.
    """

    def __init__(self, file: BinaryIO, plugin: str, *, lossy: bool = False) -> None:
        self._image = open_plugin(file, plugin)
        image = self._image
        self._notes: tuple[str, ...] = ()
        self._lossy = lossy or image.format in _LOSSY or (image.format == "WEBP" and _is_lossy_webp(file))
        if image.format == "AVIF" and _avif_bits(file) > 8:
            self._notes = (NARROWED,)
        self.size = image.size

    @cached_property
    def header(self) -> ImageHeader:
        """What is known without decoding the image, except that Pillow decodes those with a palette."""
        image = self._image
        palette = _palette(image)
        grey = image.mode in _GREY or (palette is not None and is_grey(palette))
        return ImageHeader(
            width=image.width,
            height=image.height,
            channels=1 if grey else 3,
            dtype=np.dtype(np.float32 if image.mode == "F" else np.uint8),
            bilevel=image.mode == "1",
            pages=getattr(image, "n_frames", 1),
        )

    def read(self, at_least: int | None = None) -> Samples:
        from PIL import ImageOps

        if at_least is not None:
            # As Pillow's own thumbnails: the power-of-two scale at which the short side is still twice the target.
            self._image.draft(None, (2 * at_least, 2 * at_least))
        scaled = _SCALED.get(str(self._image.tile[0][3]), 255) if self._image.tile else 255
        orientation = orientation_of(self._image)
        image = ImageOps.exif_transpose(self._image)
        alpha = colours = None
        if image.has_transparency_data:
            colours = np.asarray(image.convert("RGBA"))
            alpha = colours[..., 3]
        palette = _palette(image)
        if palette is not None:
            indices = np.asarray(image)
            values = indices if indices.ndim == 2 else indices[..., 0]
            missing = max(0, int(values.max()) + 1 - len(palette))
            palette = np.pad(palette, ((0, missing), (0, 0)))
        elif image.mode == "1":
            values = np.asarray(image.convert("L")) & 1
        elif colours is None:
            values = np.asarray(image if image.mode in (*_GREY, "RGB") else image.convert("RGB"))
        else:
            values = colours[..., 0] if image.mode in _GREY else colours[..., :3]
        if scaled < 255:
            values = values // (255 // scaled)
        return Samples(
            values=values.reshape(image.height, image.width, -1),
            top=1 if image.mode == "1" else scaled,
            palette=palette,
            alpha=alpha,
            lossy=self._lossy,
            reduced=self._image.width < self.size[0],
            orientation=orientation,
            notes=self._notes,
        )


def open_plugin(file: BinaryIO, plugin: str) -> ImageFile:
    """Open a file as one of Pillow's formats, whatever its number of pixels.

    Args:
        file: the file, from its start.
        plugin: Pillow's name of the format.

    Returns:
        The image, not yet decoded.
    """
    from PIL import Image

    if plugin not in Image.OPEN:
        Image.init()
    factory, _ = Image.OPEN[plugin]
    file.seek(0)
    return factory(file, "")


def _palette(image: Image) -> np.ndarray | None:
    if image.mode not in ("P", "PA"):
        return None
    return np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)


def _is_lossy_webp(file: BinaryIO) -> bool:
    """Whether a WebP file has a lossy image (VP8) rather than a lossless one (VP8L)."""
    file.seek(0)
    return b"VP8L" not in file.read(1 << 16)


def _avif_bits(file: BinaryIO) -> int:
    """The bits per sample that an AVIF file states in its `pixi` box."""
    file.seek(0)
    head = file.read(1 << 14)
    at = head.find(b"pixi")
    return head[at + 9] if 0 < at < len(head) - 9 else 8
