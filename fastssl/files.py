"""Files that are written whole or not at all: bytes, text, JSON and CSV.

Covers: a temporary name of each writer's own, a sync to the disk, a rename; what killed writers left behind; nan as
null in JSON and as an empty cell in CSV. Does not cover: folders of files that belong together
(`training/checkpoint.py`), reading.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import isnan
from pathlib import Path
from typing import Any, BinaryIO

from fastssl.locks import try_lock

Content = bytes | str | Iterable[bytes | memoryview]
"""Of a file: all of it, or one piece after the other; text is written as UTF-8."""

PARTIAL = ".partial"
"""How the names of files and folders end that are still being written; they begin with a dot."""

DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""Numbers of the errors that say that there is no room for a file."""

ATTEMPTS = 100
"""New files that others may clear as stale, one after the other; where links are not counted, all seem to be."""


def write_atomically(path: Path, content: Content) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part of either.

    Several processes may write the same file at the same time: each writes its own, and the last rename counts. What
    a killed writer of this file left behind is removed.

    Args:
        path: the file; its folder exists.
        content: all of it.

    Raises:
        OSError: it cannot be written, and its `filename` says which file; the old one is still there.
    """
    try:
        clear_partials(path.parent, path.name)
        partial, file = _begin(path)
        try:
            with file:
                _write(file, content)
                partial.replace(path)  # while it is locked: nobody takes it for what a killed process has left
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        error.filename = str(path)  # a failed write does not say where, and the temporary name is nobody's business
        raise


def clear_partials(folder: Path, name: str = "") -> None:
    """Remove what killed processes left of files that they were writing; others that are being written stay.

    Args:
        folder: of the files; nothing is done where there is none.
        name: of a file; "" for all files of the folder.
    """
    begin = f".{name}." if name else "."
    with suppress(OSError), os.scandir(folder) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(begin) and entry.name.endswith(PARTIAL)]
        for path in found:
            with suppress(OSError), open(path, "ab") as file:  # noqa: PTH123 (a name may hold bytes that are no text)
                if try_lock(file.fileno()):
                    os.unlink(path)  # noqa: PTH108


def _begin(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside `path`, locked as long as it is open."""
    for left in reversed(range(ATTEMPTS)):
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        file = partial.open("xb")
        if not left or (try_lock(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink):
            break
        file.close()  # cleared as stale before it was locked
    return partial, file


def write_json(path: Path, content: Any) -> None:
    """Write JSON, atomically, with null for nan.

    Args:
        path: the file; its folder exists.
        content: mappings, sequences, text and numbers at any depth.

    Raises:
        OSError: it cannot be written.
        ValueError: a number is infinite, which JSON cannot say.
    """
    write_atomically(path, json.dumps(without_nan(content), indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV file, atomically: a line of the columns' names, then a line for each row, nan as an empty cell.

    Args:
        path: the file; its folder exists.
        rows: each with the same keys, the columns' names. Without rows the file is empty.

    Raises:
        OSError: it cannot be written.
    """
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(without_nan(rows))
    write_atomically(path, text.getvalue())


def without_nan(value: Any) -> Any:
    """Return `value` with None for every nan and lists for tuples, at any depth: JSON knows no nan."""
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and isnan(value) else value


def write_synced(path: Path, content: Content) -> None:
    """Write a file and return once it is on the disk.

    safetensors' own `save_file` is not used for this: it hides a full disk behind an error of its own.

    Args:
        path: the file; a reader may see a part of it meanwhile.
        content: all of it.

    Raises:
        OSError: it cannot be written, and its `filename` says which file.
    """
    try:
        with path.open("wb") as file:
            _write(file, content)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write does not say where
        raise


def _write(file: BinaryIO, content: Content) -> None:
    pieces = (content.encode("utf-8"),) if isinstance(content, str) else content
    for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Return once what was written to a file, or the names in a folder, are on the disk.

    Raises:
        OSError: they cannot be.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
