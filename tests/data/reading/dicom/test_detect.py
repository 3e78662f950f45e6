"""Which first bytes are those of a DICOM file."""

from __future__ import annotations

import pytest

from fastssl.data.reading.dicom import HEAD, is_dicom


def padded(start: bytes) -> bytes:
    return start.ljust(HEAD, b"\x07")


@pytest.mark.parametrize(
    "head",
    [
        bytes(128) + b"DICM",
        b"\xff" * 128 + b"DICM\x02\0\0\0UL",
        padded(b"\x08\0\x05\0CS\x0a\0ISO_IR 100\x08\0\x08\0CS\x02\0A "),
        padded(b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100\x08\0\x08\0\x02\0\0\0A "),
        padded(b"\x08\0\0\0\x04\0\0\0\xf0\x01\0\0\x08\0\x05\0\x0a\0\0\0"),
        padded(b"\0\x08\0\x05CS\0\x0aISO_IR 100\0\x08\0\x08CS\0\x02A "),
        padded(b"\x02\0\0\0UL\x04\0\xb0\0\0\0\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01"),
        padded(b"\x08\0\x16\0UI\x1a\x001.2.840.10008.5.1.4.1.1.2\0\x08\0\x18\0UI"),
    ],
)
def test_dicom_is_recognised_with_and_without_preamble(head):
    assert is_dicom(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"DICM",
        bytes(HEAD),
        bytes(range(HEAD)),
        padded(b"\x08\0\x05\0"),
        padded(b"\x02\0 is text"),
        b"\x89PNG\r\n\x1a\n".ljust(HEAD, b"\0"),
        b"\xff\xd8\xff\xe0\0\x10JFIF".ljust(HEAD, b"\x08"),
        b"II*\0\x08\0\0\0".ljust(HEAD, b"\0"),
        b"\x08\0\x05\0".ljust(HEAD, b"\xff"),
        b"MIT License, as everybody knows it from so many packages".ljust(HEAD, b" "),
        b"\x5c\x01\0\0".ljust(HEAD, b"\0"),
    ],
)
def test_other_files_are_not_taken_for_dicom(head):
    assert not is_dicom(head)
