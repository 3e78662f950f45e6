"""Which kind of file it is, by its first bytes; its name counts only where a kind has no mark of its own.

Covers: choosing the reader, and naming what is no image. Does not cover: reading.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from . import dicom
from .jpeg2000 import CODESTREAM, WideJpeg2000Reader, read_codestream
from .netpbm import NetpbmReader
from .options import ReadingOptions
from .png import WidePngReader, bits_of_png
from .samples import ImageReader, UnreadableError
from .scans import ScanReader
from .through_pillow import PillowReader
from .tiff import open_tiff
from .volumes import VOLUME_SUFFIXES, open_volume
from .wide_jpeg import WideJpegReader

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".pgm", ".ppm", ".pbm", ".pnm", ".pfm", ".tga", ".pcx", ".avif"),
)
"""The endings of pictures, which hold one image, in small letters."""

IMAGE_SUFFIXES = (*PICTURE_SUFFIXES, *VOLUME_SUFFIXES)
"""The endings of the files that can be read, in small letters."""

_HEAD = 512
_BOXED_JPEG2000 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PILLOW = (
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"P1", "PPM"),
    (b"P4", "PPM"),
    (b"Pf", "PPM"),
    *((b"\x0a" + bytes([version, 1]), "PCX") for version in (0, 2, 3, 5)),
)
_BY_NAME = {".tga": "TGA", ".dib": "DIB"}
_FOREIGN = (
    (0, b"PK\x03\x04", "a ZIP archive (or .npz)"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"MATLAB", "a MATLAB file"),
    (0, b"II\xbc\x01", "a JPEG XR image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (0, b"\xff\xd8\xff\xf7", "a JPEG-LS image"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an XML document"),
    (0, b"<", "a web page"),
    (4, b"ftyp", "a film or an HEIC image"),
)


def open_scan(file: BinaryIO, path: Path | None, options: ReadingOptions) -> ScanReader | None:
    """Open the reader of a DICOM file or a volume.

    Args:
        file: the file, from its start, which is where it is left.
        path: of the file, for libraries that want one; None where it is in memory.
        options: how files are read.

    Returns:
        The reader; None where the file is no scan.

    Raises:
        UnreadableError: it is a scan that cannot be read; the text says why.
        Exception: any that a library raises for a damaged file.
    """
    head = file.read(dicom.HEAD)
    file.seek(0)
    if dicom.is_dicom(head):
        from .dicom.reader import DicomReader  # pydicom takes a tenth of a second, which folders of pictures save

        return DicomReader(file, options)
    return open_volume(file, path, options)


def open_reader(file: BinaryIO, suffix: str) -> ImageReader:
    """Choose the reader of a file by its content.

    Args:
        file: the file, from its start.
        suffix: the ending of its name, in small letters.

    Returns:
        The reader.

    Raises:
        UnreadableError: it is no image, or none that is read; the text says what it is.
        Exception: any that a library raises for a damaged file.
    """
    head = file.read(_HEAD)
    if head.startswith(b"\xff\xd8\xff") and head[3:4] != b"\xf7":
        return _open_jpeg(file)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return WidePngReader(file) if bits_of_png(head) == 16 else PillowReader(file, "PNG")
    if head.startswith(_TIFF):
        return open_tiff(file)
    if head.startswith((CODESTREAM, _BOXED_JPEG2000)):
        stream = read_codestream(file)
        plain = stream.plain
        return PillowReader(file, "JPEG2000", lossy=stream.lossy) if plain else WideJpeg2000Reader(file, stream)
    if head[:2] in (b"P2", b"P3", b"P5", b"P6"):
        return NetpbmReader(file, head[:2])
    plugin = _plugin_of(head, suffix)
    if plugin is None:
        raise UnreadableError(_what_else(head))
    return PillowReader(file, plugin)


def _open_jpeg(file: BinaryIO) -> ImageReader:
    try:
        return PillowReader(file, "JPEG")
    except SyntaxError:  # Pillow's word for what it cannot read: damage, or more than 8 bits
        reader = WideJpegReader(file)
        if reader.bits == 8:
            raise
        return reader


def _plugin_of(head: bytes, suffix: str) -> str | None:
    """Pillow's name of the format, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return next((name for mark, name in _PILLOW if head.startswith(mark)), None) or (
        _BY_NAME.get(suffix) if head else None
    )


def _what_else(head: bytes) -> str:
    """Say what a file is that is no image."""
    if not head:
        return "it is empty"
    if not any(head):
        return "it holds nothing but zero bytes; copy or download it again"
    what = next((name for at, mark, name in _FOREIGN if head[at:].lstrip(b" \r\n\t\xef\xbb\xbf").startswith(mark)), "")
    if what:
        return f"it is {what}; convert it to PNG or TIFF"
    return "it is no image of a kind that can be read, or its beginning is damaged"
