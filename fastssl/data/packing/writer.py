"""Writing the squares of a pack so that an interruption loses little.

Covers: squares and records appended file by file, going on behind those that are whole. Does not cover: decoding
(`squares.py`), the pack's folder and its lock (`stored.py`).

Squares are in `images.raw` before their records are in `rows.jsonl`, and both are synced before the pack gets its name.
What was written of a file without a record is cut off when a later process goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .decode import Square
from .form import ImageForm
from .rows import ROWS_FILE, FileRows, FrameRow, read_rows

IMAGES_FILE = "images.raw"
_SECONDS_BETWEEN_FLUSHES = 1.0
"""What a process that is killed has decoded in vain, at most."""


class PackWriter:
    """Appends files to a pack.

    Args:
        part: the folder that the pack is written in.
        row_bytes: of one square.
        form: of all squares.
        rows: of the files that are there already.
    """

    def __init__(self, part: Path, row_bytes: int, form: ImageForm, rows: list[FileRows]) -> None:
        self.rows = rows
        self.form = form
        written = sum(len(own.frames) for own in rows) * row_bytes
        self._images = (part / IMAGES_FILE).open("r+b" if (part / IMAGES_FILE).exists() else "w+b")
        self._images.truncate(written)
        self._images.seek(written)
        self._records = (part / ROWS_FILE).open("w", encoding="ascii")
        self._records.writelines(own.as_text() for own in rows)
        self._flush()

    def add(self, path: str, key: str, got: Sequence[Square] | str) -> None:
        """Append a file.

        Args:
            path: relative to the folder.
            key: which file it is.
            got: its squares; text that says what is wrong with it.

        Raises:
            OSError: it cannot be written.
        """
        squares = () if isinstance(got, str) else got
        for square in squares:
            self._images.write(_in_form(square.pixels, self.form).tobytes())
        reason = got if isinstance(got, str) else ""
        own = FileRows(path=path, key=key, frames=tuple(map(FrameRow.of, squares)), unreadable=reason)
        self._records.write(own.as_text())
        self.rows.append(own)
        if time.monotonic() > self._flushed + _SECONDS_BETWEEN_FLUSHES:
            self._flush()

    def sync(self) -> None:
        """Bring all of it to the disk.

        Raises:
            OSError: it cannot be written.
        """
        self._flush()
        for file in (self._images, self._records):
            os.fsync(file.fileno())

    def _flush(self) -> None:
        """Hand everything to the operating system: squares before the records that say that they are there."""
        self._images.flush()
        self._records.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Close the files, with all that was added."""
        self._flush()
        self._images.close()
        self._records.close()


@contextmanager
def pack_writer(part: Path, size: int, form: ImageForm, expected: Sequence[tuple[str, str]]) -> Iterator[PackWriter]:
    """Open the files of a pack, behind what an interrupted process has left.

    Args:
        part: the folder that the pack is written in.
        size: side of the squares, in pixels.
        form: of all squares.
        expected: path and key of each file of the pack, in its order.

    Yields:
        The writer, whose `rows` are those of the files that need not be decoded again.
    """
    row_bytes = form.bytes_of(size)
    left = _left(part, row_bytes, expected) if ImageForm.read(part) == form else []
    form.write(part)
    writer = PackWriter(part, row_bytes, form, left)
    try:
        yield writer
    finally:
        writer.close()


def _left(part: Path, row_bytes: int, expected: Sequence[tuple[str, str]]) -> list[FileRows]:
    """The records of the files that are there whole, from the first on."""
    try:
        there = (part / IMAGES_FILE).stat().st_size // row_bytes
    except OSError:
        return []
    kept: list[FileRows] = []
    for own, file in zip(read_rows(part), expected, strict=False):
        there -= len(own.frames)
        if there < 0 or (own.path, own.key) != file:
            break
        kept.append(own)
    return kept


def _in_form(pixels: np.ndarray, form: ImageForm) -> np.ndarray:
    """Pixels in the type and the channels of all squares; grey ones repeated."""
    values = pixels.astype(form.dtype, copy=False)
    repeats = form.channels // values.shape[-1]
    return np.repeat(values, repeats, axis=-1) if repeats > 1 else values
