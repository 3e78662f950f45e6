"""Reading NRRD files with pynrrd's headers.

Covers: `.nrrd`, and `.nhdr` with its file of values; raw, gzip, bzip2 and text. Does not cover: what the axes are
(`nrrd_axes.py`), values in several files, hexadecimal ones, block types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from fastssl.data.reading.samples import UnreadableError
from fastssl.text import printable

from .nrrd_axes import affine_of_axes, directions_of, kinds_of_axes
from .stored_axes import StoredAxes
from .stored_values import Compression, data_file, read_values
from .volume import Volume

MAGIC = b"NRRD"
UNSTATED = "no orientation in the header; its axes are taken to go left, back and up, as in ITK"

_ENCODINGS: Mapping[str, Compression] = {
    **{"raw": "none", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"},
    **{"ascii": "text", "text": "text", "txt": "text"},
}
_TYPES = {
    **{"signed char": "i1", "int8": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1"},
    **{"short": "i2", "int16": "i2", "ushort": "u2", "unsigned short": "u2", "uint16": "u2"},
    **{"int": "i4", "int32": "i4", "uint": "u4", "unsigned int": "u4", "uint32": "u4"},
    **{"longlong": "i8", "long long": "i8", "int64": "i8"},
    **{"ulonglong": "u8", "unsigned long long": "u8", "uint64": "u8", "float": "f4", "double": "f8"},
}


def open_nrrd(file: BinaryIO, path: Path | None) -> Volume:
    """Open an NRRD file.

    Args:
        file: the file, from its start, which stays open until the volume is loaded.
        path: of the file, for values in a file of their own; None where it is in memory.

    Returns:
        Its first volume.

    Raises:
        UnreadableError: it is of a kind that is not read.
        Exception: any that pynrrd raises for a damaged header.
    """
    from nrrd import read_header

    header = read_header(file)
    begin = file.tell()
    missing = [name for name in ("type", "dimension", "sizes", "encoding") if name not in header]
    if missing:
        raise UnreadableError(f"damaged: its header does not say {missing[0]}")
    sizes = tuple(int(size) for size in header["sizes"])
    if len(sizes) != header["dimension"] or min(sizes) < 1:
        raise UnreadableError(f"damaged: its header says {header['dimension']} axes, of sizes {list(sizes)}")
    directions = directions_of(header, len(sizes))
    in_space, samples = kinds_of_axes(header, directions)
    axes = StoredAxes(sizes=sizes, dtype=_dtype(header), in_space=in_space, samples=samples)
    affine, stated = affine_of_axes(header, in_space, directions)
    return Volume(
        shape=axes.shape,
        dtype=axes.dtype,
        affine=affine,
        colour=axes.colour,
        notes=(*(() if stated else (UNSTATED,)), *axes.notes),
        load=_loader(file, begin, path, header, axes),
    )


def _dtype(header: Mapping[str, Any]) -> np.dtype:
    name = str(header["type"]).lower().removesuffix("_t")
    name = name if name in _TYPES else name.removesuffix(" int").removeprefix("signed ")
    if name not in _TYPES:
        raise UnreadableError(f"values of type {printable(name)}, which are no grey levels; save it as short or float")
    dtype = np.dtype(_TYPES[name])
    if dtype.itemsize == 1 or _ENCODINGS.get(str(header["encoding"]).lower()) == "text":
        return dtype
    if header.get("endian") not in ("little", "big"):
        raise UnreadableError("damaged: its header does not say endian")
    return dtype.newbyteorder("<" if header["endian"] == "little" else ">")


def _loader(
    file: BinaryIO, begin: int, path: Path | None, header: Mapping[str, Any], axes: StoredAxes
) -> Callable[[], np.ndarray]:
    compression = _ENCODINGS.get(str(header["encoding"]).lower())
    if compression is None:
        raise UnreadableError(f"encoding {printable(str(header['encoding']))}, which is not read; save it as gzip")
    lines = int(header.get("line skip", header.get("lineskip", 0)))
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    name = header.get("data file", header.get("datafile"))
    if name is not None and (name.startswith("LIST") or "%" in name):
        raise UnreadableError("its values are in several files, which are not read; save it as one .nrrd file")

    def read(source: IO[bytes], offset: int) -> np.ndarray:
        source.seek(offset)
        for _ in range(lines):
            source.readline()
        offset = source.tell()
        if compression == "none":  # -1: the values are the last bytes of the file
            end = skip < 0
            shape = axes.sizes if end else axes.needed
            return axes.volume(read_values(source, shape, axes.dtype, offset=-1 if end else offset + skip))
        values = read_values(source, axes.needed, axes.dtype, offset=offset, skip=max(0, skip), compression=compression)
        return axes.volume(values)

    def load() -> np.ndarray:
        if name is None:
            return read(file, begin)
        with data_file(path, name) as source:
            return read(source, 0)

    return load
