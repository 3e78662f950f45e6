"""TIFF files for tests: random values, files written by tifffile and by hand, and reading them back."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fastssl.data.reading import ReadingOptions, read_image_file, read_image_header

RANDOM = np.random.default_rng(0)
HEIGHT, WIDTH = 20, 33


def values(dtype: str, low: int = 0, high: int | None = None, samples: int = 0) -> np.ndarray:
    """Random values of a type, all of its range unless told otherwise."""
    shape = (HEIGHT, WIDTH, samples) if samples else (HEIGHT, WIDTH)
    if np.dtype(dtype).kind == "f":
        return RANDOM.uniform(low, 1 if high is None else high, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(low, limits.max if high is None else high, shape, dtype, endpoint=True)


def read(path: Path) -> np.ndarray:
    """The pixels of a file, whose header must have said their type and channels."""
    image, header = read_image_file(path, max_megapixels=1), read_image_header(path, ReadingOptions(max_megapixels=1))
    assert (header.dtype, header.channels) == (image.pixels.dtype, image.pixels.shape[2])
    return image.pixels


def write(tmp_path: Path, array: np.ndarray, **options: Any) -> Path:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **{"photometric": "rgb" if array.ndim == 3 else "minisblack", **options})
    return path


def packed_grey(
    tmp_path: Path, array: np.ndarray, bits: int, photometric: int = 1, fill_order: int = 1, colours: bytes = b""
) -> Path:
    """A grey or palette TIFF of so many bits per sample, written by hand."""
    rows = []
    for row in array.tolist():
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        octets = [text[at : at + 8] for at in range(0, len(text), 8)]
        rows.append(bytes(int(octet if fill_order == 1 else octet[::-1], 2) for octet in octets))
    data = colours + b"".join(rows)
    height, width = array.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (266, fill_order)]
    tags += [(273, 8 + len(colours)), (277, 1), (278, height), (279, len(data) - len(colours))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    if colours:
        entries += struct.pack("<HHII", 320, 3, len(colours) // 2, 8)
        tags.append((320, 8))
    path = tmp_path / "a.tif"
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)
    )
    return path
