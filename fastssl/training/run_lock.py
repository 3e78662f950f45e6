"""One run per folder.

Covers: a lock that the operating system releases when its holder ends, however that happens; who holds it. Does not
cover: what is done under it (`run_folder.py`), evaluations, whose files are written whole and of which several may run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fastssl.errors import ConfigError
from fastssl.files import DISK_FULL
from fastssl.locks import try_lock

LOCK = ".run.lock"
ATTEMPTS = 1000
"""Times that others may take away the folder or the lock just as we take it."""


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Own a run folder inside the block.

    The folder is made for it where it is missing, and is gone again where nothing has been written into it. Where
    there are no locks, as on some network file systems, the block is entered without.

    Args:
        folder: of a run or a recipe.

    Yields:
        Nothing.

    Raises:
        ConfigError: another process trains there, or another thread of this one, or the folder cannot be made or
            written to; nothing was changed.
        OSError: the disk is full.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        try:
            file = _acquire(folder)
        except OSError as error:
            if error.errno in DISK_FULL:
                error.filename = str(folder)
                raise
            said = error.strerror or str(error)
            raise ConfigError(
                [f"out={str(folder)!r}: cannot be made or written to ({said}); give another --out"]
            ) from None
        try:
            yield
        finally:
            with suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
            file.close()
    finally:
        with suppress(OSError):  # something was written
            for path in made:
                path.rmdir()


def _acquire(folder: Path) -> BinaryIO:
    """The lock's open file."""
    path = folder / LOCK
    for left in reversed(range(ATTEMPTS)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        except FileNotFoundError:  # the folder's maker has just given up and taken it away
            if not left:  # or nothing can be made here, as in /proc
                raise
            continue
        if try_lock(file.fileno()) is False:
            file.seek(0)
            holder = file.read(200).decode("utf-8", "replace").strip()
            file.close()
            who = holder or "another process"
            raise ConfigError([f"out={str(folder)!r}: {who} is training here; wait for it, or give another --out"])
        if _is_at(path, file):
            _say_who(file)
            return file
        file.close()  # its holder ended between our opening it and our locking it, and took it away
    raise ConfigError([f"out={str(folder)!r}: its lock changes hands all the time; give another --out"])


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Whether the file that is open is still the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _say_who(file: BinaryIO) -> None:
    with suppress(OSError):  # the disk may be full; the lock holds all the same
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        file.flush()
