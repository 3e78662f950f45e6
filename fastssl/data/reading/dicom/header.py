"""The header of a DICOM file: the few elements that are used, and where the pixels are.

Covers: files with and without meta information, of every byte order, deflated ones. Does not cover: what the elements
mean (`geometry.py`, `units.py`, `windows.py`), decoding pixels (`pixels.py`). No other element of the file is kept in
memory, so none can reach a cache or a message.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag

from fastssl.data.reading.samples import UnreadableError

from .elements import text

# What pydicom warns of is read as well as it can be, or told in our words. Once and not around each call: threads
# share the list of filters.
warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")

NATIVE, NATIVE_BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
LARGEST = 1 << 30
"""Bytes that a deflated file may hold; a small one can hold any number."""

_KEYWORDS = (
    *("SOPClassUID", "Modality", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("BurnedInAnnotation", "PresentationLUTShape"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *("RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence"),
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
)
OVERLAY_ROWS = tuple((0x6000 + 2 * plane, 0x0010) for plane in range(16))
"""Of each of the overlay planes that a file may have (PS3.3 C.9.2)."""
_TAGS: list[BaseTag | int] = [*map(Tag, _KEYWORDS), *map(Tag, OVERLAY_ROWS)]
_PIXELS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
_PIXEL_VRS = (b"OB", b"OW", b"OF", b"OD", b"UN")
_UNDEFINED = 0xFFFFFFFF
_USUAL = 1 << 16
"""Bytes that hold most headers."""


@dataclass(frozen=True, kw_only=True)
class PixelElement:
    """Where the pixels are.

    Args:
        keyword: "PixelData", "FloatPixelData" or "DoubleFloatPixelData".
        vr: of the element, such as "OW"; "" where the file does not say.
        start: of the value, in bytes from the start of `DicomHeader.file`.
        length: of the value in bytes; None where it is of undefined length, as that of compressed pixels is.
        there: bytes of it that the file has.
    """

    keyword: str
    vr: str
    start: int
    length: int | None
    there: int


@dataclass(frozen=True, kw_only=True)
class DicomHeader:
    """What is read of a file before its pixels.

    Args:
        elements: the elements that are used, those that the file has.
        file: that holds the pixels: the file itself, or what it inflates to.
        syntax: UID of the transfer syntax; that of native pixels where the file says none.
        pixels: where they are; None where there are none.
    """

    elements: Dataset
    file: BinaryIO
    syntax: str
    pixels: PixelElement | None


def read_header(file: BinaryIO) -> DicomHeader:
    """Read the header of a DICOM file.

    Args:
        file: from its start.

    Returns:
        The header.

    Raises:
        UnreadableError: it cannot be read; the text holds nothing of the file.
        OSError: the operating system refuses it.
    """
    start = file.read(_USUAL)
    file.seek(0)
    try:
        if DEFLATED.encode() in start[:1024] and start[128:132] == b"DICM":
            return _read_inflated(file, start)
        with suppress(Exception):  # most headers are shorter, and in memory they are read faster
            head = io.BytesIO(start)
            elements = dcmread(head, stop_before_pixels=True, force=True, specific_tags=_TAGS)
            if _element_tag(start, head.tell(), _is_little(elements)) in _PIXELS:
                return _header(elements, file, head.tell())
        elements = dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
        return _header(elements, file, file.tell())
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # whatever pydicom raises; its text may hold values of the header
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableError(f"damaged: its DICOM header cannot be read ({type(error).__name__})") from None


def _header(elements: FileDataset, file: BinaryIO, at: int) -> DicomHeader:
    little = _is_little(elements)
    syntax = text(elements.file_meta, "TransferSyntaxUID") or (NATIVE if little else NATIVE_BIG_ENDIAN)
    return DicomHeader(elements=elements, file=file, syntax=syntax, pixels=_pixel_element(file, at, little))


def _is_little(elements: FileDataset) -> bool:
    return elements.original_encoding[1] is not False


def _read_inflated(file: BinaryIO, start: bytes) -> DicomHeader:
    """Read a deflated file (PS3.5 A.5), of which the meta information alone is as in other files."""
    (length,) = struct.unpack_from("<I", start, 140)
    file.seek(144 + length)
    content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), LARGEST + 1)
    if len(content) > LARGEST:
        raise UnreadableError(f"deflated, and more than {LARGEST >> 20} MiB when it is inflated; save it uncompressed")
    inflated = io.BytesIO(content)
    elements = read_dataset(inflated, False, True, stop_when=_at_pixels, specific_tags=_TAGS)
    elements.set_original_encoding(False, True)
    pixels = _pixel_element(inflated, inflated.tell(), True)
    return DicomHeader(elements=elements, file=inflated, syntax=DEFLATED, pixels=pixels)


def _at_pixels(tag: int, vr: str | None, length: int) -> bool:
    return tag in _PIXELS


def _element_tag(head: bytes, at: int, little: bool) -> int:
    """The tag of the element at a place, 0 where there is none."""
    if len(head) < at + 4:
        return 0
    group, element = struct.unpack_from("<HH" if little else ">HH", head, at)
    return int(group << 16 | element)


def _pixel_element(file: BinaryIO, at: int, little: bool) -> PixelElement | None:
    """Read the beginning of the element at a place (PS3.5 7.1)."""
    file.seek(at)
    head = file.read(12)
    keyword = _PIXELS.get(_element_tag(head, 0, little))
    implicit = head[4:6] not in _PIXEL_VRS  # files say one form in their meta information and have the other
    if keyword is None or len(head) < (8 if implicit else 12):
        return None
    start = at + (8 if implicit else 12)
    (length,) = struct.unpack_from("<I" if little else ">I", head, 4 if implicit else 8)
    there = max(file.seek(0, os.SEEK_END) - start, 0)
    return PixelElement(
        keyword=keyword,
        vr="" if implicit else head[4:6].decode("latin-1"),
        start=start,
        length=None if length == _UNDEFINED else length,
        there=there if length == _UNDEFINED else min(length, there),
    )
