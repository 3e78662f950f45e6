"""Reading portable graymaps and pixmaps (PGM, PPM), with the values that they hold.

Covers: binary and plain files, and any largest value. Does not cover: their header, bitmaps (PBM) and floats (PFM),
which are Pillow's (`through_pillow.py`); Pillow would stretch every other largest value to 255 or 65535.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from .samples import ImageHeader, Samples, UnreadableError
from .through_pillow import open_plugin


class NetpbmReader:
    """Reads one PGM or PPM file.

    Args:
        file: the file, from its start.
        magic: its first two bytes: P2, P3, P5 or P6.
    """

    def __init__(self, file: BinaryIO, magic: bytes) -> None:
        self._file, self._plain = file, magic in (b"P2", b"P3")
        image = open_plugin(file, "PPM")
        _, _, self._offset, args = image.tile[0]
        self._top = 65535 if args == "I;16B" else args[-1] if isinstance(args, tuple) else 255
        self.size = image.size
        self.header = ImageHeader(
            width=image.width,
            height=image.height,
            channels=3 if magic in (b"P3", b"P6") else 1,
            dtype=np.dtype(np.uint8 if self._top < 256 else np.uint16),
        )

    def read(self, at_least: int | None = None) -> Samples:
        header = self.header
        count = header.width * header.height * header.channels
        self._file.seek(self._offset)
        if self._plain:
            lines = self._file.read().splitlines()
            words = b" ".join(line.split(b"#")[0] for line in lines).split()
            values = np.array(words[:count], dtype=np.int64) if words else np.zeros(0, np.int64)
        else:
            stored = np.dtype(np.uint8 if self._top < 256 else ">u2")
            values = np.frombuffer(self._file.read(count * stored.itemsize), stored)
        if values.size < count:
            raise UnreadableError(f"truncated: {values.size} of {count} values")
        if values.min() < 0 or values.max() > self._top:
            raise UnreadableError(f"damaged: the value {values.max()}, where the header says {self._top} at most")
        shape = (header.height, header.width, header.channels)
        return Samples(values=values.astype(header.dtype).reshape(shape), top=self._top)
