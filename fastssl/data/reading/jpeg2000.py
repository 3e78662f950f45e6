"""Reading JPEG 2000 files of more than 8 bits per sample, or with a sign.

Covers: boxed files (.jp2, .jpx) and bare codestreams (.j2k). Does not cover: 8 bits without a sign
(`through_pillow.py`), high-throughput JPEG 2000.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from .samples import ImageHeader, Samples, UnreadableError, image_dtype

CODESTREAM = b"\xff\x4f\xff\x51"
_CODING_STYLE = b"\xff\x52"
_BOXES = 100
_PLAIN_COLOURS = (16, 17)
"""sRGB and grey, of the colour spaces that a JP2 box numbers."""


@dataclass(frozen=True, kw_only=True)
class Codestream:
    """What a codestream's header says (ISO/IEC 15444-1, A.5.1 and A.6.1).

    Args:
        width: in pixels.
        height: likewise.
        bits: of each component.
        signed: of each component.
        subsampled: some components have fewer pixels than others.
        lossy: it uses the irreversible transform.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    signed: tuple[bool, ...]
    subsampled: bool
    lossy: bool

    @property
    def plain(self) -> bool:
        """All components have 8 bits or fewer and no sign."""
        return max(self.bits) <= 8 and not any(self.signed)


def read_codestream(file: BinaryIO) -> Codestream:
    """Read the header of the codestream in a JPEG 2000 file.

    Args:
        file: the file.

    Returns:
        What it says.

    Raises:
        UnreadableError: there is none.
    """
    head = _codestream_head(file)
    x1, y1, x0, y0, *_, components = struct.unpack_from(">IIIIIIIIH", head, 8)
    parts = [struct.unpack_from("BBB", head, 42 + 3 * index) for index in range(components)]
    if not parts:
        raise UnreadableError("damaged: it has no components")
    at = head.find(_CODING_STYLE)
    return Codestream(
        width=x1 - x0,
        height=y1 - y0,
        bits=tuple((depth & 0x7F) + 1 for depth, _, _ in parts),
        signed=tuple(bool(depth & 0x80) for depth, _, _ in parts),
        subsampled=any(step != (1, 1) for _, *pair in parts for step in [tuple(pair)]),
        lossy=at < 0 or head[at + 13 : at + 14] != b"\1",
    )


def _codestream_head(file: BinaryIO) -> bytes:
    """The first bytes of the codestream, which may lie in a box."""
    file.seek(0)
    if file.read(4) == CODESTREAM:
        file.seek(0)
        return file.read(4096)
    position = 0
    for _ in range(_BOXES):
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"jp2c":
            file.seek(position + (16 if length == 1 else 8))
            return file.read(4096)
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if length < 8:
            break
        position += length
    raise UnreadableError("damaged: no codestream in it")


def _has_plain_colours(file: BinaryIO) -> bool:
    """Whether the boxes before the codestream state neither a palette nor a colour space such as YCC or CMYK."""
    file.seek(0)
    head = file.read(4096).split(CODESTREAM)[0]
    at = head.find(b"colr")
    numbered = at >= 0 and head[at + 4 : at + 5] == b"\1"
    return b"pclr" not in head and (not numbered or int.from_bytes(head[at + 7 : at + 11], "big") in _PLAIN_COLOURS)


class WideJpeg2000Reader:
    """Reads one JPEG 2000 file.

    Args:
        file: the file.
        stream: the header of its codestream.
    """

    def __init__(self, file: BinaryIO, stream: Codestream) -> None:
        self._file, self._stream = file, stream
        found = f"JPEG 2000 of {len(stream.bits)} components of {max(stream.bits)} bits"
        if len(set(stream.bits)) > 1 or len(set(stream.signed)) > 1 or stream.subsampled or len(stream.bits) > 4:
            raise UnreadableError(f"{found}, of different kinds; save it as PNG or TIFF")
        if not _has_plain_colours(file):
            raise UnreadableError(f"{found}, with colours that are no RGB; save it as PNG or TIFF")
        self._bits, self._signed = stream.bits[0], stream.signed[0]
        if self._bits > 16 or (self._signed and len(stream.bits) in (2, 4)):
            raise UnreadableError(f"{found}; save it as TIFF with 16 bits")
        stored = np.dtype(("i" if self._signed else "u") + ("1" if self._bits <= 8 else "2"))
        channels = 1 if len(stream.bits) < 3 else 3
        self.size = stream.width, stream.height
        self.header = ImageHeader(
            width=stream.width, height=stream.height, channels=channels, dtype=image_dtype(stored)
        )

    def read(self, at_least: int | None = None) -> Samples:
        import imagecodecs

        self._file.seek(0)
        header = self.header
        pixels = imagecodecs.jpeg2k_decode(self._file.read(), numthreads=1)
        pixels = pixels.reshape(header.height, header.width, len(self._stream.bits))
        channels, top = header.channels, 2**self._bits - 1
        return Samples(
            values=pixels[..., :channels],
            top=top,
            alpha=pixels[..., channels] if pixels.shape[-1] > channels else None,
            alpha_top=top,
            lossy=self._stream.lossy,
        )
