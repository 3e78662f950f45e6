"""Reading the values of a volume, once and into one array.

Covers: plain and compressed data, in the file of the header or in another one; sizes that a header only claims. Does
not cover: headers (`nifti.py` and others).
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

import numpy as np

from fastssl.data.reading.samples import UnreadableError
from fastssl.memory import free_memory
from fastssl.text import printable

Compression = Literal["none", "gzip", "zlib", "bzip2", "text"]

_CHUNK = 1 << 22
_MOST_RATIO = {"none": 1, "gzip": 1040, "zlib": 1040, "bzip2": 1 << 21, "text": 1 << 3}
"""The most bytes that one byte of a file can become: deflate's limit, bzip2's in practice, "1 " as float64."""


def read_values(
    file: IO[bytes],
    shape: tuple[int, ...],
    dtype: np.dtype,
    *,
    offset: int = 0,
    skip: int = 0,
    compression: Compression = "none",
) -> np.ndarray:
    """Read an array whose first axis varies fastest.

    Args:
        file: the file of the values.
        shape: of the array.
        dtype: of its values, of any byte order.
        offset: bytes of the file before the values, or before their compressed form; below 0: they are at its end.
        skip: bytes before the values once they are decompressed by gzip or bzip2.
        compression: of the values.

    Returns:
        The array, in Fortran order.

    Raises:
        UnreadableError: the file is shorter than that.
        MemoryError: more than the memory that is free.
        Exception: any that a decompressor raises for damage.
    """
    needed = prod(shape) * dtype.itemsize
    end = file.seek(0, 2)
    start = end - needed if offset < 0 else offset
    if start < 0 or skip < 0 or needed + skip > _MOST_RATIO[compression] * (end - start):
        raise _too_short(shape, dtype, needed, max(0, end - max(0, start)))
    check_memory(needed)
    file.seek(start)
    if compression == "text":
        flat = np.fromstring(file.read().decode("ascii"), dtype, sep=" ")[: prod(shape)]
    elif compression == "zlib":
        # zlib's and gzip's headers alike; no more than what was promised is decompressed
        flat = np.frombuffer(zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(file.read(), max(1, needed)), np.uint8)
        flat = flat[: flat.size - flat.size % dtype.itemsize].view(dtype)
    else:
        stream = _decompressed(file, compression)
        _pass(stream, skip)
        flat = _filled(stream, np.empty(prod(shape), dtype))
    if flat.size != prod(shape):
        raise _too_short(shape, dtype, needed, flat.nbytes)
    return flat.reshape(shape, order="F")


def check_memory(needed: int) -> None:
    """Refuse what does not fit into the memory that is free, before any of it is read.

    Args:
        needed: bytes.

    Raises:
        MemoryError: it does not fit.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise MemoryError


@contextmanager
def data_file(header: Path | None, *names: str) -> Iterator[BinaryIO]:
    """Open the file that holds the values of a header.

    Args:
        header: path of the header; None where it is in memory.
        names: what the file may be called, in the folder of the header or below it.

    Yields:
        The first of these that is there.

    Raises:
        UnreadableError: there is none, or it is outside of that folder.
        OSError: the operating system refuses it.
    """
    shown = printable(names[0])
    if header is None:
        raise UnreadableError(f"its values are in a file of their own, {shown}; give both as files")
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UnreadableError(f"its values are in {shown}, outside of its folder; put that file next to it")
    found = next((path for name in names if (path := header.parent / name).is_file()), None)
    if found is None:
        raise UnreadableError(f"its values are in a file of their own, {shown}, which is not there; copy it as well")
    with found.open("rb") as file:
        yield file


def _decompressed(file: IO[bytes], compression: Compression) -> IO[bytes]:
    if compression == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    return cast("IO[bytes]", bz2.BZ2File(file)) if compression == "bzip2" else file


def _pass(stream: IO[bytes], count: int) -> None:
    while count > 0 and (chunk := stream.read(min(_CHUNK, count))):
        count -= len(chunk)


def _filled(stream: IO[bytes], values: np.ndarray) -> np.ndarray:
    """Fill an array from a stream; it is cut where the stream ends."""
    target = values.view(np.uint8).data if values.size else memoryview(b"")
    place = 0
    while place < len(target):
        try:
            chunk = stream.read(min(_CHUNK, len(target) - place))
        except EOFError:  # gzip's word for a file that is cut short
            chunk = b""
        if not chunk:
            break
        target[place : place + len(chunk)] = chunk
        place += len(chunk)
    return values[: place // values.dtype.itemsize]


def _too_short(shape: tuple[int, ...], dtype: np.dtype, needed: int, held: int) -> UnreadableError:
    voxels = "x".join(map(str, shape))
    return UnreadableError(
        f"damaged: its header says {voxels} voxels of {dtype.name}, {needed} bytes, and it holds {held} at most; "
        "copy or download it again"
    )
