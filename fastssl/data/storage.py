"""Writing files that other processes may be writing or reading.

Covers: a lock between processes, and one-line errors for a full or forbidden disk. Does not cover: what is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastssl.errors import DataError
from fastssl.files import DISK_FULL
from fastssl.locks import try_lock, wait_for_lock

from .paths import expanded, home_folder
from .private_folder import make_private_folder


@contextmanager
def writing(folder: Path, remedy: str) -> Iterator[None]:
    """Turn an OSError that is raised inside the block into a DataError.

    Args:
        folder: that is written to.
        remedy: what the user can do, for the end of the error's text.

    Yields:
        Nothing.

    Raises:
        DataError: names the folder, the cause and the remedy.
    """
    try:
        yield
    except OSError as error:
        cause = "the disk is full" if error.errno in DISK_FULL else error.strerror or str(error)
        raise DataError(f"cannot write in {folder}: {cause}; {remedy}") from error


@contextmanager
def locked(path: Path, notify: Callable[[str], None] | None = None) -> Iterator[bool]:
    """Hold an exclusive lock inside the block, after waiting for any process that holds it.

    The operating system releases the lock when its holder ends, however that happens, so it is never stale; the empty
    file stays.

    Args:
        path: of the lock's file, which is made if it is missing.
        notify: called with one line of text if there is another process to wait for.

    Yields:
        Whether the lock is held: False where the file system has no locks.
    """
    with path.open("a") as handle:
        taken = try_lock(handle.fileno())
        if taken is False:
            if notify:
                notify(f"another process is preparing the same data; waiting for it ({path})")
            wait_for_lock(handle.fileno())
        yield taken is not None


def cache_folder() -> Path:
    """Find the folder for decoded images: the environment variable FASTSSL_CACHE, else `~/.cache/fastssl`.

    Returns:
        The folder, which may not exist yet.

    Raises:
        DataError: the home folder is not known.
    """
    named = os.environ.get("FASTSSL_CACHE")
    if named:
        return expanded(named, "FASTSSL_CACHE")
    return home_folder("set FASTSSL_CACHE to a folder for decoded images") / ".cache" / "fastssl"


def make_cache_folder(folder: Path) -> None:
    """Make a folder in the cache that its owner alone can open.

    Args:
        folder: directly in `cache_folder()`.

    Raises:
        OSError: it cannot be made.
    """
    if not os.environ.get("FASTSSL_CACHE"):  # a folder that the user chose may be open to others on purpose
        make_private_folder(folder.parent)
    make_private_folder(folder)
