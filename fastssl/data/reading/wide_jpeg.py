"""Reading JPEG files that Pillow refuses.

Covers: 12 bits per sample, and the lossless process of up to 16 bits. Does not cover: 8 bits (`through_pillow.py`),
JPEG-LS, JPEG 2000 (`jpeg2000.py`).
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from .samples import ImageHeader, Samples, UnreadableError

_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_END = b"\xff\xd9"


class WideJpegReader:
    """Reads one JPEG file of any precision.

    Args:
        file: the file, from its start.

    Attributes:
        bits: per sample.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        marker, self.bits, height, width, samples = _frame(file)
        if samples not in (1, 3):
            raise UnreadableError(
                f"a JPEG of {self.bits} bits with {samples} samples per pixel; save it as PNG or TIFF"
            )
        self._lossy = marker not in _LOSSLESS
        dtype = np.dtype(np.uint8 if self.bits <= 8 else np.uint16)
        self.header = ImageHeader(width=width, height=height, channels=samples, dtype=dtype)

    def read(self, at_least: int | None = None) -> Samples:
        import imagecodecs

        self._file.seek(0)
        data = self._file.read()
        if _END not in data[-1024:]:
            raise UnreadableError("truncated: the end of the image is missing")
        header = self.header
        pixels = imagecodecs.jpeg_decode(data, bitspersample=self.bits)
        values = pixels.reshape(header.height, header.width, header.channels)
        return Samples(values=values, top=2**self.bits - 1, lossy=self._lossy)


def _frame(file: BinaryIO) -> tuple[int, int, int, int, int]:
    """The first frame's marker, bits per sample, height, width and samples per pixel (ITU-T T.81, B.2.2)."""
    file.seek(2)
    while True:
        start, marker = struct.unpack(">BB", file.read(2))
        while marker == 0xFF:
            marker = file.read(1)[0]
        if start != 0xFF:
            raise UnreadableError("damaged: no frame of pixels in it")
        (length,) = struct.unpack(">H", file.read(2))
        if marker in _START_OF_FRAME:
            return marker, *struct.unpack(">BHHB", file.read(6))
        file.seek(length - 2, 1)
