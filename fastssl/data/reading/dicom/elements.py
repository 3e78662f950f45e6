"""Values of a DICOM header, whatever state they are in.

Covers: numbers and text of the elements that are used, empty, of the wrong type, or damaged. Does not cover: which
elements these are (`header.py`). pydicom's own conversion warns with the values in the text, or raises; these are read
from the bytes instead, so that no value of a header is ever in a message.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import isfinite
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_NUMBERS_AS_TEXT = ("DS", "IS")


def raw_bytes(header: Dataset, keyword: str) -> bytes:
    """Return the bytes of an element, b"" where it is missing or empty.

    Args:
        header: that has it.
        keyword: of the element, such as "RedPaletteColorLookupTableData".
    """
    value = _value(header, keyword)
    return bytes(value) if isinstance(value, (bytes, bytearray)) else b""


def text(header: Dataset, keyword: str) -> str:
    """Return the first value of an element of text, "" where it is missing or empty.

    Args:
        header: that has it.
        keyword: of the element.
    """
    value = _value(header, keyword)
    if isinstance(value, (bytes, bytearray)):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            value = value.decode("latin-1")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else ""
    return "" if value is None else str(value).split("\\")[0].strip(" \0\t\r\n")


def numbers(header: Dataset, keyword: str, *, signed: bool = False) -> tuple[float, ...]:
    """Return the values of an element of numbers.

    Args:
        header: that has it.
        keyword: of the element.
        signed: numbers of two bytes that may have a sign have one, where the file does not say.

    Returns:
        Its values; none where it is missing, or holds anything but finite numbers.
    """
    value = _value(header, keyword)
    if value is None:
        return ()
    try:
        found = _from_bytes(header, keyword, value, signed) if isinstance(value, (bytes, bytearray)) else _listed(value)
    except (ValueError, TypeError, struct.error, OverflowError):
        return ()
    return found if all(map(isfinite, found)) else ()


def whole(header: Dataset, keyword: str, default: int = 0) -> int:
    """Return the first value of an element as a whole number.

    Args:
        header: that has it.
        keyword: of the element.
        default: returned where it is missing or no whole number.
    """
    found = numbers(header, keyword)
    return int(found[0]) if found and found[0] == int(found[0]) else default


def items(header: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of a sequence; none where it is missing, empty, or no sequence.

    Args:
        header: that has it.
        keyword: of the sequence.
    """
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in header:
        return ()
    try:
        found = header[tag].value
    except Exception:  # whatever pydicom raises for a damaged sequence
        return ()
    return found if isinstance(found, Items) else ()


def _value(header: Dataset, keyword: str) -> Any:
    """An element's bytes as they are in the file, or its value if pydicom has converted it already."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in header:
        return None
    return header.get_item(tag).value


def _from_bytes(header: Dataset, keyword: str, value: bytes | bytearray, signed: bool) -> tuple[float, ...]:
    tag = tag_for_keyword(keyword)
    element = header.get_item(tag)  # type: ignore[arg-type]
    known = dictionary_VR(tag).split(" or ")  # type: ignore[arg-type]
    vr = element.VR if element.VR in (*_BINARY, *_NUMBERS_AS_TEXT) else known[0]
    if vr in ("US", "SS") and element.VR not in ("US", "SS") and "SS" in known:
        vr = "SS" if signed else "US"
    vr = "US" if vr == "OW" else vr
    if vr in _NUMBERS_AS_TEXT:
        parts = bytes(value).decode("latin-1").replace("\0", " ").split("\\")
        return tuple(float(part) for part in parts) if any(part.strip() for part in parts) else ()
    order = "<" if getattr(element, "is_little_endian", True) else ">"
    count = len(value) // struct.calcsize(_BINARY[vr])
    return tuple(float(number) for number in struct.unpack_from(f"{order}{count}{_BINARY[vr]}", value))


def _listed(value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(float(one) for one in values if one not in ("", None))
