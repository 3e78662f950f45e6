"""Which kind of volume a file is, by its content.

Covers: choosing the reader. Does not cover: reading (`nifti.py`, `nrrd.py`, `metaimage.py`, `tiff_stack.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from fastssl.data.reading.options import ReadingOptions
from fastssl.data.reading.samples import UnreadableError

from .metaimage import is_metaimage, open_metaimage
from .nifti import is_analyze, nifti_head, open_nifti
from .nrrd import MAGIC, open_nrrd
from .reader import VolumeReader
from .tiff_stack import TIFF, open_tiff_stack
from .volume import Volume

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""The endings of volumes, in small letters; pairs of .hdr and .img are told by both being there."""

_HEAD = 4096


def open_volume(file: BinaryIO, path: Path | None, options: ReadingOptions) -> VolumeReader | None:
    """Open the reader of a volume.

    Args:
        file: the file, from its start.
        path: of the file, for values in a file of their own; None where it is in memory.
        options: how files are read.

    Returns:
        The reader; None where the file is no volume, and then the file is left at its start.

    Raises:
        UnreadableError: it is a volume that cannot be read; the text says why.
        Exception: any that a library raises for a damaged header.
    """
    volume = _open(file, path, options)
    if volume is None:
        file.seek(0)
        return None
    return VolumeReader(volume, options)


def _open(file: BinaryIO, path: Path | None, options: ReadingOptions) -> Volume | None:
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(TIFF):
        return open_tiff_stack(file, options)
    if head.startswith(MAGIC):
        return open_nrrd(file, path)
    if is_metaimage(head):
        return open_metaimage(file, path)
    if nifti := nifti_head(file):
        return open_nifti(file, path, nifti)
    if path is not None and is_analyze(head, path.name):
        raise UnreadableError("an ANALYZE 7.5 volume, which does not say what is left; convert it to NIfTI")
    return None
