"""The file of a folder's headers in the cache.

Covers: one line for each file, appended as headers are read, so that an interruption loses nothing that was read; lines
of files that are gone are dropped when they are most of it. Does not cover: what is in a line (`lines.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from fastssl.data.storage import cache_folder, locked, make_cache_folder, writing
from fastssl.files import write_atomically

REMEDY = "free some room, or set FASTSSL_CACHE to another folder"


def header_path(name: str) -> Path:
    """Return where a file of headers is, whether it is there or not.

    Args:
        name: of the file, without its ending.

    Raises:
        DataError: the home folder is not known.
    """
    return cache_folder() / "headers" / f"{name}.jsonl"


@contextmanager
def alone(path: Path, notify: Callable[[str], None] | None) -> Iterator[None]:
    """Hold the lock of a file of headers inside the block.

    Args:
        path: of the file, which need not exist.
        notify: called with one line of text if there is another process to wait for.

    Yields:
        Nothing.

    Raises:
        DataError: the cache cannot be written.
    """
    folder = path.parent
    with writing(folder, REMEDY):
        make_cache_folder(folder)
        with locked(folder / f".{path.stem}.lock", notify):
            yield


def as_text(key: str, kept: Mapping[str, Any]) -> str:
    """Return a line of a file of headers.

    Args:
        key: of a file.
        kept: what JSON can hold of its header.
    """
    return json.dumps([key, kept], default=int) + "\n"


def read_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Read the lines of a file of headers.

    Args:
        path: of the file.

    Returns:
        File key -> what its line holds; without lines that were cut short.
    """
    found: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(OSError), path.open(encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                key, kept = json.loads(line)
                found[key] = dict(kept)
    return found


def rewrite(path: Path, lines: Mapping[str, dict[str, Any]]) -> None:
    """Write a file of headers anew, whole or not at all.

    Args:
        path: of the file.
        lines: file key -> what its line holds.

    Raises:
        OSError: it cannot be written.
    """
    write_atomically(path, "".join(as_text(*pair) for pair in lines.items()))


@contextmanager
def appending(path: Path) -> Iterator[TextIO]:
    """Open a file of headers to append to, on a line of its own.

    Args:
        path: of the file, which only its owner may read.

    Yields:
        The file; each line is written at once, so that none is lost with the process.
    """
    begins = path.exists() and path.stat().st_size > 0
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "a", encoding="utf-8", buffering=1) as file:  # noqa: PTH123 (a descriptor)
        if begins:
            file.write("\n")  # ends a line that was cut short
        yield file
