"""Reading JPEG files that Pillow refuses.

Covers: 12 bits per sample, and the lossless process of up to 16 bits. Does not cover: 8 bits (`through_pillow.py`),
JPEG-LS, JPEG 2000 (`jpeg2000.py`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np

from .samples import ImageHeader, Samples, UnreadableError

_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_END = b"\xff\xd9"


class Seekable(Protocol):
    """A file that can be read from anywhere."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """Read from there."""
        ...


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What the header of a JPEG frame says.

    Args:
        width: in pixels.
        height: likewise.
        samples: per pixel.
        bits: per sample.
        lossless: it is of the lossless process.
    """

    width: int
    height: int
    samples: int
    bits: int
    lossless: bool


class WideJpegReader:
    """Reads one JPEG file of any precision.

    Args:
        file: the file, from its start.

    Attributes:
        bits: per sample.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        frame = read_frame(file)
        self.bits, self.size, self._lossy = frame.bits, (frame.width, frame.height), not frame.lossless
        if frame.samples not in (1, 3):
            raise UnreadableError(
                f"a JPEG of {self.bits} bits with {frame.samples} samples per pixel; save it as PNG or TIFF"
            )
        dtype = np.dtype(np.uint8 if self.bits <= 8 else np.uint16)
        self.header = ImageHeader(width=frame.width, height=frame.height, channels=frame.samples, dtype=dtype)

    def read(self, at_least: int | None = None) -> Samples:
        import imagecodecs

        self._file.seek(0)
        data = self._file.read()
        if _END not in data[-1024:]:
            raise UnreadableError("truncated: the end of the image is missing")
        header = self.header
        pixels = imagecodecs.jpeg8_decode(data)  # `jpeg_decode` falls back on a codec that may end the process
        values = pixels.reshape(header.height, header.width, header.channels)
        return Samples(values=values, top=2**self.bits - 1, lossy=self._lossy)


def read_frame(file: Seekable, start: int = 0) -> Frame:
    """Read the header of the first frame of a JPEG image (ITU-T T.81, B.2.2).

    Args:
        file: that holds the image.
        start: where it begins.

    Returns:
        The header.

    Raises:
        UnreadableError: there is none.
        Exception: the file is cut short.
    """
    file.seek(start + 2)
    while True:
        mark, marker = struct.unpack(">BB", file.read(2))
        while marker == 0xFF:
            marker = file.read(1)[0]
        if mark != 0xFF:
            raise UnreadableError("damaged: no frame of pixels in it")
        (length,) = struct.unpack(">H", file.read(2))
        if marker in _START_OF_FRAME:
            bits, height, width, samples = struct.unpack(">BHHB", file.read(6))
            return Frame(width=width, height=height, samples=samples, bits=bits, lossless=marker in _LOSSLESS)
        file.seek(length - 2, 1)
