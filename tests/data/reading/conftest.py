"""Files that no library here writes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def write_png() -> Callable[..., Path]:
    """Write a PNG: its header's numbers, its rows as bytes, and further blocks (kind, content) before its pixels."""

    def block(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    def write(
        path: Path, size: tuple[int, int], bits: int, colour: int, rows: list[bytes], *between: tuple[bytes, bytes]
    ) -> Path:
        header = block(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0))
        pixels = block(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        blocks = [header, *(block(*one) for one in between), pixels, block(b"IEND", b"")]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(blocks))
        return path

    return write


@pytest.fixture
def write_narrow_png(write_png: Callable[..., Path]) -> Callable[[Path, np.ndarray, int], Path]:
    """Write a grey PNG of 1, 2 or 4 bits; rows fill whole bytes."""

    def write(path: Path, array: np.ndarray, bits: int) -> Path:
        texts = ["".join(f"{value:0{bits}b}" for value in row) for row in array.tolist()]
        rows = [int(text, 2).to_bytes(len(text) // 8, "big") for text in texts]
        return write_png(path, array.shape[::-1], bits, 0, rows)

    return write
