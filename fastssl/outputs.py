"""What a command writes where its user says: a file or a folder, made beside its place and moved there when it is done.

Covers: refusing a place before any work is done for it, whole or not at all, replacing what was there. Does not cover:
files that are written at once (`files.py`), reports (`fastssl.evaluation.shared.report_folder`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastssl.data.storage import writing
from fastssl.errors import ConfigError
from fastssl.files import PARTIAL, sync

REMEDY = "free some room, or give another --out"


def check_output(path: Path, *, overwrite: bool, folder: bool = False) -> None:
    """Refuse a place that nothing can be written at.

    Args:
        path: of the file or folder.
        overwrite: what is there may be replaced.
        folder: a folder is written, not a file.

    Raises:
        ConfigError: something is there that may not be replaced, or is of the other kind; or its folder may not be
            written.
    """
    if path.is_dir() is not folder and os.path.lexists(path):
        other = "a file" if folder else "a folder"
        raise ConfigError([f"out={str(path)!r}: is {other}; give another --out"])
    if os.path.lexists(path) and not overwrite:
        raise ConfigError([f"out={str(path)!r}: exists; give another --out, or replace it with --overwrite"])
    there = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not there.is_dir():
        raise ConfigError([f"out={str(path)!r}: {there} is a file; give another --out"])
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError([f"out={str(path)!r}: {there} may not be written; give another --out"])


@contextmanager
def made_beside(path: Path) -> Iterator[Path]:
    """Let a file or a folder be made beside its place, and move it there at the end of the block.

    Args:
        path: its place; what is there is replaced, unless the block raises.

    Yields:
        A path to make it at, of the same name; nothing is there yet.

    Raises:
        DataError: it cannot be written.
    """
    with writing(path.parent, REMEDY):
        path.parent.mkdir(parents=True, exist_ok=True)
        around = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent))
        try:
            yield around / path.name
            finish(around / path.name, path)
        finally:
            shutil.rmtree(around, ignore_errors=True)


def finish(made: Path, path: Path) -> None:
    """Move what was made to its place, once it is on the disk.

    Args:
        made: a file or a folder, in a folder of its own on the same disk.
        path: its place; what is there is replaced.

    Raises:
        OSError: it cannot be moved; what was there is still there.
    """
    for part in (made, *made.rglob("*")) if made.is_dir() else (made,):
        sync(part)
    before = made.with_name(f"{made.name}.before")
    if path.is_dir():  # a folder cannot take the place of another one that is not empty
        path.rename(before)
    try:
        made.replace(path)
    except OSError:
        if before.exists():
            before.rename(path)
        raise
    sync(path.parent)
