"""Whether a file is a DICOM file, by its first bytes.

Covers: files with the preamble of PS3.10 7.1, and those without it, which begin with their first element. Does not
cover: reading them; free of pydicom, for every file of a folder is asked.
"""

from __future__ import annotations

import struct

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima", ".dic")
"""The endings of DICOM files, in small letters; many have none."""
DICOMDIR = "dicomdir"
"""The name of an index of DICOM files, in small letters."""
HEAD = 144
"""How many of the first bytes `is_dicom` needs."""

_MARK, _AT = b"DICM", 128
_FIRST_GROUPS = (0x0002, 0x0008)
_LAST_ELEMENT = 0x0070
"""Files without a preamble begin with one of the first elements of these groups."""
_TEXT_VRS = (b"UI", b"CS", b"DA", b"TM", b"DT", b"SH", b"LO", b"UL", b"OB")
_LONGEST = 128


def is_dicom(head: bytes) -> bool:
    """Tell whether a file is a DICOM file.

    Args:
        head: its first bytes, `HEAD` of them where it has so many.

    Returns:
        Whether it is. Without a preamble, its first element must be of group 2 or 8, with a value that is short.
    """
    if head[_AT : _AT + len(_MARK)] == _MARK:
        return True
    if len(head) < HEAD:
        return False
    return any(_begins_with_element(head, order) for order in "<>")


def _begins_with_element(head: bytes, order: str) -> bool:
    group, element = struct.unpack_from(f"{order}HH", head)
    if group not in _FIRST_GROUPS or element > _LAST_ELEMENT:
        return False
    vr = head[4:6]
    explicit = vr in _TEXT_VRS
    if vr == b"OB":
        start, (length,) = 12, struct.unpack_from(f"{order}I", head, 8)
    elif explicit:
        start, (length,) = 8, struct.unpack_from(f"{order}H", head, 6)
    else:  # implicit VR, which is little endian
        start, (length,) = 8, struct.unpack_from("<I", head, 4)
    following = start + length
    if length > _LONGEST or length % 2 or (order == ">" and not explicit):
        return False
    if following + 4 > len(head):
        return length > 0
    next_group, next_element = struct.unpack_from(f"{order}HH", head, following)
    return (next_group, next_element) > (group, element) and next_group <= 0x0010
