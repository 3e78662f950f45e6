"""Files that are written whole or not at all: bytes, text, JSON and CSV.

Covers: a temporary name, a sync to the disk, a rename; nan as null in JSON and as an empty cell in CSV. Does not cover:
folders of files that belong together (`training/checkpoint.py`), reading.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part of either.

    Args:
        path: the file; its folder exists.
        content: all of it; text is written as UTF-8.

    Raises:
        OSError: it cannot be written, and its `filename` says which file; the old one is still there.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        write_synced(partial, content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


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


def write_synced(path: Path, content: bytes | str) -> None:
    """Write a file and return once it is on the disk.

    safetensors' own `save_file` is not used for this: it hides a full disk behind an error of its own.

    Args:
        path: the file; a reader may see a part of it meanwhile.
        content: all of it; text is written as UTF-8.

    Raises:
        OSError: it cannot be written, and its `filename` says which file.
    """
    try:
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        sync(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write does not say where
        raise


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
