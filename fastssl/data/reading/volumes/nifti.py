"""Reading NIfTI-1 and NIfTI-2 files with nibabel's headers.

Covers: `.nii`, `.nii.gz`, pairs of `.hdr` and `.img`, either byte order, scaling, colours, more than three axes. Does
not cover: ANALYZE 7.5, which does not say what is left; CIFTI and other matrices.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import numpy as np

from fastssl.data.reading.samples import UnreadableError

from .stored_axes import TRANSPARENT, StoredAxes
from .stored_values import data_file, read_values
from .volume import Volume, three_axes

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

GZIP = b"\x1f\x8b"
_LONGEST_HEADER = 540
_SINGLE, _PAIR = (b"n+1\0", b"n+2\0"), (b"ni1\0", b"ni2\0")
_CIFTI = range(3000, 3100)
"""Intent codes of connectivity matrices and their kin."""
_VECTORS, _VECTOR_AXIS = (1007, 2003, 2004), 4
"""Intent codes of vectors and of colours in several planes, and the axis that these are along."""

UNSTATED = "no orientation in the header; its axes are taken to go left, forward and up, as nibabel does"
CONTRADICTED = "qform and sform differ on which way is which; sform is taken"


def nifti_head(file: IO[bytes]) -> bytes:
    """Return the header of a NIfTI file, also of a compressed one.

    Args:
        file: the file, from its start.

    Returns:
        Its first bytes; none where it is another kind of file.
    """
    head = file.read(_LONGEST_HEADER)
    if head.startswith(GZIP):
        file.seek(0)
        try:
            head = gzip.GzipFile(fileobj=file).read(_LONGEST_HEADER)
        except (EOFError, OSError, zlib.error):
            return b""
    return head if _magic(head) in _SINGLE + _PAIR else b""


def is_analyze(head: bytes, name: str) -> bool:
    """Tell whether a file is the header of an ANALYZE 7.5 volume, the form that NIfTI grew from.

    Args:
        head: its first bytes.
        name: of the file.
    """
    by_name = name.lower().endswith((".hdr", ".hdr.gz"))
    return by_name and head[:4] in (struct.pack("<i", 348), struct.pack(">i", 348))


def open_nifti(file: BinaryIO, path: Path | None, head: bytes) -> Volume:
    """Open a NIfTI file.

    Args:
        file: the file, which stays open until the volume is loaded.
        path: of the file, for the `.img` of a pair; None where it is in memory.
        head: what `nifti_head` returned.

    Returns:
        Its first volume.

    Raises:
        UnreadableError: it is of a kind that is no image.
        Exception: any that nibabel raises for a damaged header.
    """
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    kind = Nifti2Header if _magic(head)[2:3] == b"2" else Nifti1Header
    header = kind(head[: kind.sizeof_hdr], check=False)
    if int(header["intent_code"]) in _CIFTI:
        raise UnreadableError("a CIFTI matrix, which is no image")
    sizes, stored = tuple(int(size) for size in header.get_data_shape()), header.get_data_dtype()
    records = stored.names is not None
    if stored.kind == "c" or (not records and stored.itemsize > 8):
        raise UnreadableError(f"values of {stored.name}, which are no grey levels; save it as int16 or float32")
    three_axes(sizes)  # refuses sizes that are none
    vectors = len(sizes) == _VECTOR_AXIS + 1 and int(header["intent_code"]) in _VECTORS
    axes = StoredAxes(
        sizes=sizes, dtype=stored, in_space=tuple(range(min(3, len(sizes)))), samples=_VECTOR_AXIS if vectors else None
    )
    slope, intercept = (None, None) if records else header.get_slope_inter()
    affine, notes = _affine(header)
    transparent = (TRANSPARENT,) if len(stored.names or ()) == 4 else ()
    return Volume(
        shape=axes.shape,
        dtype=np.dtype(np.uint8) if records else stored,
        affine=affine,
        colour=records or axes.colour,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        notes=(*notes, *axes.notes, *transparent),
        load=_loader(file, path, header, axes),
    )


def _magic(head: bytes) -> bytes:
    """The mark of either version, whose place the first number tells."""
    if head[:4] in (struct.pack("<i", 540), struct.pack(">i", 540)):
        return head[4:8]
    return head[344:348]


def _affine(header: Nifti1Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """By sform, else qform, else the size of voxels alone: nibabel's order."""
    from nibabel.orientations import aff2axcodes

    if header["sform_code"] > 0 and header["qform_code"] > 0:
        sform, qform = header.get_sform(), header.get_qform()
        return sform, () if aff2axcodes(sform) == aff2axcodes(qform) else (CONTRADICTED,)
    unstated = header["sform_code"] <= 0 and header["qform_code"] <= 0
    return header.get_best_affine(), (UNSTATED,) if unstated else ()


def _loader(file: BinaryIO, path: Path | None, header: Nifti1Header, axes: StoredAxes) -> Callable[[], np.ndarray]:
    offset = int(header.get_data_offset())
    single = _magic(header.binaryblock) in _SINGLE

    def read(source: IO[bytes]) -> np.ndarray:
        source.seek(0)
        if source.read(2) == GZIP:
            values = read_values(source, axes.needed, axes.dtype, skip=offset, compression="gzip")
        else:
            values = read_values(source, axes.needed, axes.dtype, offset=offset)
        first = axes.volume(values)
        return first if axes.dtype.names is None else _colours(first)

    def load() -> np.ndarray:
        if single:
            return read(file)
        with data_file(path, *_image_names("" if path is None else path.name)) as source:
            return read(source)

    return load


def _colours(values: np.ndarray) -> np.ndarray:
    """`[I, J, K, 3]` uint8 of records `[I, J, K]` in Fortran order, without their opacity."""
    samples = values.reshape(-1, order="F").view(np.uint8).reshape(*values.shape[::-1], values.dtype.itemsize)
    return samples.transpose(2, 1, 0, 3)[..., :3]


def _image_names(header: str) -> tuple[str, ...]:
    """What the file of a header's values may be called: "a.img" and "a.img.gz" of "a.hdr" or "a.hdr.gz"."""
    stem = header[: header.lower().rfind(".hdr")]
    return f"{stem}.img", f"{stem}.img.gz", f"{stem}.IMG"
