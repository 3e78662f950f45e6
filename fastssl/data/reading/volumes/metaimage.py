"""Reading MetaImage files.

Covers: `.mha`, and `.mhd` with its file of values; raw and zlib, either byte order, several values for each voxel. Does
not cover: values as text or in several files.

The header is lines of "Name = value" (ITK's MetaIO documentation). Its axes are in the space of DICOM, in which the
patient's left, back and head are ahead (LPS+), as ITK reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from fastssl.data.reading.samples import UnreadableError
from fastssl.text import printable

from .stored_axes import StoredAxes
from .stored_values import data_file, read_values
from .volume import Volume, affine_of

_LONGEST = 1 << 16
_LINE = re.compile(rb"\s*[A-Za-z]\w*\s*=")
_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "long": "i4"},
    **{"ulong": "u4", "long_long": "i8", "ulong_long": "u8", "float": "f4", "double": "f8"},
}
_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
UNSTATED = "no orientation in the header; its axes are taken to go left, back and up, as in ITK"


def is_metaimage(head: bytes) -> bool:
    """Tell whether a file is a MetaImage.

    Args:
        head: its first bytes, 512 or more.
    """
    return _LINE.match(head) is not None and (b"NDims" in head or b"ObjectType" in head)


def open_metaimage(file: BinaryIO, path: Path | None) -> Volume:
    """Open a MetaImage file.

    Args:
        file: the file, from its start, which stays open until the volume is loaded.
        path: of the file, for values in a file of their own; None where it is in memory.

    Returns:
        Its first volume.

    Raises:
        UnreadableError: its header is damaged, or it is of a kind that is not read.
    """
    header = _header(file)
    begin = file.tell()
    kind = header.get("ObjectType", "Image")
    if kind.lower() != "image":
        raise UnreadableError(f"a MetaIO file of a {printable(kind)}, which is no image")
    sizes = tuple(int(size) for size in _numbers(header, "DimSize"))
    if len(sizes) != int(_numbers(header, "NDims")[0]) or min(sizes) < 1:
        raise UnreadableError(f"damaged: its header says {header['NDims']} axes, of sizes {list(sizes)}")
    samples = int(_numbers(header, "ElementNumberOfChannels", (1,))[0])
    first = int(samples > 1)
    axes = StoredAxes(
        sizes=(*((samples,) if first else ()), *sizes),
        dtype=_dtype(header),
        in_space=tuple(range(first, first + min(3, len(sizes)))),
        samples=0 if first else None,
    )
    affine, stated = _affine(header, len(sizes))
    return Volume(
        shape=axes.shape,
        dtype=axes.dtype,
        affine=affine,
        colour=axes.colour,
        slope=_numbers(header, "ElementToIntensityFunctionSlope", (1,))[0],
        intercept=_numbers(header, "ElementToIntensityFunctionOffset", (0,))[0],
        notes=(*(() if stated else (UNSTATED,)), *axes.notes),
        load=_loader(file, begin, path, header, axes),
    )


def _header(file: BinaryIO) -> dict[str, str]:
    """Read the header, to the line that says where the values are, which is its last one."""
    found: dict[str, str] = {}
    while file.tell() < _LONGEST:
        line = file.readline(_LONGEST)
        name, equals, value = line.decode("utf-8", "replace").partition("=")
        if not equals:
            break
        found[name.strip()] = value.strip()
        if name.strip() == "ElementDataFile":
            return found
    raise UnreadableError("damaged: its header ends before ElementDataFile")


def _numbers(header: Mapping[str, str], name: str, otherwise: tuple[float, ...] | None = None) -> tuple[float, ...]:
    if name not in header:
        if otherwise is None:
            raise UnreadableError(f"damaged: its header does not say {name}")
        return otherwise
    try:
        numbers = tuple(float(number) for number in header[name].split())
    except ValueError:
        numbers = ()
    if not numbers or not np.isfinite(numbers).all():
        raise UnreadableError(f"damaged: its header says {name} = {printable(header[name][:40])}")
    return numbers


def _yes(header: Mapping[str, str], *names: str) -> bool:
    return any(header.get(name, "").lower() in ("true", "1", "yes") for name in names)


def _dtype(header: Mapping[str, str]) -> np.dtype:
    name = header.get("ElementType", "")
    stored = _TYPES.get(name.lower().removeprefix("met_").removesuffix("_array"))
    if stored is None:
        raise UnreadableError(f"values of type {printable(name)!r}, which are no grey levels; save it as MET_SHORT")
    return np.dtype(stored).newbyteorder(">" if _yes(header, "BinaryDataByteOrderMSB", "ElementByteOrderMSB") else "<")


def _affine(header: Mapping[str, str], dimension: int) -> tuple[np.ndarray, bool]:
    """The affine of two or three axes, and whether the header says where they point: row i is that of axis i."""
    spacing = _numbers(header, "ElementSpacing", _numbers(header, "ElementSize", (1.0,) * dimension))
    name = next((name for name in _DIRECTIONS if name in header), None)
    rows = np.eye(dimension) if name is None else np.array(_numbers(header, name))
    if rows.size != dimension**2 or len(spacing) != dimension:
        raise UnreadableError(f"damaged: its header says {dimension} axes, and directions or spacings of others")
    axes = min(3, dimension)
    steps = np.zeros((axes, 3))
    steps[:, :axes] = rows.reshape(dimension, dimension)[:axes, :axes]
    return affine_of([step * length * _LPS_TO_RAS for step, length in zip(steps, spacing, strict=False)]), bool(name)


def _loader(
    file: BinaryIO, begin: int, path: Path | None, header: Mapping[str, str], axes: StoredAxes
) -> Callable[[], np.ndarray]:
    name, compressed = header["ElementDataFile"], _yes(header, "CompressedData")
    local = name.upper() == "LOCAL"
    if not local and (name.upper().startswith("LIST") or "%" in name):
        raise UnreadableError("its values are in several files, which are not read; save it as one .mha file")
    if "BinaryData" in header and not _yes(header, "BinaryData"):
        raise UnreadableError("its values are text, which is not read; save it as a binary .mha file")
    skip = int(_numbers(header, "HeaderSize", (0,))[0])

    def read(source: IO[bytes], offset: int) -> np.ndarray:
        if compressed:
            values = read_values(source, axes.needed, axes.dtype, offset=offset + max(0, skip), compression="zlib")
        elif skip < 0:  # the values are the last bytes of the file
            values = read_values(source, axes.sizes, axes.dtype, offset=-1)
        else:
            values = read_values(source, axes.needed, axes.dtype, offset=offset + skip)
        return axes.volume(values)

    def load() -> np.ndarray:
        if local:
            return read(file, begin)
        with data_file(path, name) as source:
            return read(source, 0)

    return load
