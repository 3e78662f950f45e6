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
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

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
    *(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue") for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
)
OVERLAY_ROWS = tuple((0x6000 + 2 * plane, 0x0010) for plane in range(16))
"""Of each of the overlay planes that a file may have (PS3.3 C.9.2)."""
_TAGS: list[int | str | tuple[int, int]] = [*filter(None, map(tag_for_keyword, _KEYWORDS)), *OVERLAY_ROWS]
_PIXELS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
_UNDEFINED = 0xFFFFFFFF


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
    start = file.read(1024)
    file.seek(0)
    try:
        if DEFLATED.encode() in start and start[128:132] == b"DICM":
            file, syntax = _inflated(file, start), DEFLATED
            elements = read_dataset(file, False, True, stop_when=_at_pixels, specific_tags=_TAGS)  # type: ignore[arg-type]
            implicit, little = False, True
        else:
            found = dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
            elements, syntax = found, text(found.file_meta, "TransferSyntaxUID")
            implicit, little = bool(found.original_encoding[0]), found.original_encoding[1] is not False
        syntax = syntax or (NATIVE if little else NATIVE_BIG_ENDIAN)
        return DicomHeader(elements=elements, file=file, syntax=syntax, pixels=_pixel_element(file, implicit, little))
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # whatever pydicom raises; its text may hold values of the header
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableError(f"damaged: its DICOM header cannot be read ({type(error).__name__})") from None


def _at_pixels(tag: int, vr: str | None, length: int) -> bool:
    return tag in _PIXELS


def _inflated(file: BinaryIO, start: bytes) -> BinaryIO:
    """The data set of a deflated file (PS3.5 A.5), which follows the meta information."""
    (length,) = struct.unpack_from("<I", start, 140)
    file.seek(144 + length)
    content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), LARGEST + 1)
    if len(content) > LARGEST:
        raise UnreadableError(f"deflated, and more than {LARGEST >> 20} MiB when it is inflated; save it uncompressed")
    return io.BytesIO(content)


def _pixel_element(file: BinaryIO, implicit: bool, little: bool) -> PixelElement | None:
    """Read the beginning of the element that the file stands at (PS3.5 7.1)."""
    at, order = file.tell(), "<" if little else ">"
    head = file.read(12)
    if len(head) < (8 if implicit else 12):
        return None
    group, element = struct.unpack_from(f"{order}HH", head)
    keyword = _PIXELS.get(group << 16 | element)
    if keyword is None:
        return None
    start = at + (8 if implicit else 12)
    (length,) = struct.unpack_from(f"{order}I", head, 4 if implicit else 8)
    end = file.seek(0, os.SEEK_END)
    there = max(end - start, 0) if length == _UNDEFINED else min(length, max(end - start, 0))
    return PixelElement(
        keyword=keyword,
        vr="" if implicit else head[4:6].decode("latin-1"),
        start=start,
        length=None if length == _UNDEFINED else length,
        there=there,
    )
