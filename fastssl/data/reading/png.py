"""Reading PNG files of 16 bits per sample.

Covers: grey and colour, with and without transparency. Does not cover: up to 8 bits per sample (`through_pillow.py`).
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from .orientation import orientation_of, upright
from .samples import ImageHeader, Samples
from .through_pillow import open_plugin

_COLOUR = 2
_SAY_ORIENTATION = (b"eXIf", b"Raw profile type", b"rientation")


def bits_of_png(head: bytes) -> int:
    """Return the bits per sample that the header of a PNG file states; 0 where it is cut short.

    Args:
        head: the file's first 26 bytes or more.
    """
    return head[24] if len(head) > 24 else 0


class WidePngReader:
    """Reads one PNG file of 16 bits per sample.

    Args:
        file: the file, from its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(16)
        width, height, _, colour = struct.unpack(">IIBB", file.read(10))
        self.size = width, height
        image = open_plugin(file, "PNG")  # checks the header, and counts the frames
        self.header = ImageHeader(
            width=width,
            height=height,
            channels=3 if colour & _COLOUR else 1,
            dtype=np.dtype(np.uint16),
            pages=getattr(image, "n_frames", 1),
        )

    def read(self, at_least: int | None = None) -> Samples:
        import imagecodecs

        self._file.seek(0)
        data = self._file.read()
        pixels = imagecodecs.png_decode(data)
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        stated = any(mark in data for mark in _SAY_ORIENTATION)
        orientation = orientation_of(open_plugin(self._file, "PNG")) if stated else 1
        pixels = upright(pixels, orientation)
        channels = self.header.channels
        return Samples(
            values=pixels[..., :channels],
            top=65535,
            alpha=pixels[..., channels] if pixels.shape[-1] > channels else None,
            alpha_top=65535,
            orientation=orientation,
        )
