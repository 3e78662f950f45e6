"""Writing files that others may be writing or reading.

Covers: a lock between processes, and one-line errors for a full or forbidden disk. Does not cover: what is written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastssl.errors import DataError

try:
    import fcntl
except ImportError:  # not on Windows: there the rename alone keeps files whole, and two processes may do the work twice
    fcntl = None  # type: ignore[assignment]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writing(folder: Path, remedy: str) -> Iterator[None]:
    """Turn an OSError raised inside into a DataError that names `folder`, the cause, and `remedy`."""
    try:
        yield
    except OSError as error:
        cause = "the disk is full" if error.errno in _FULL else error.strerror or str(error)
        raise DataError(f"cannot write in {folder}: {cause}; {remedy}") from error


@contextmanager
def locked(path: Path, notify: Callable[[str], None] | None = None) -> Iterator[bool]:
    """Hold an exclusive lock on the file `path` (made if need be), waiting for whoever holds it, and saying so.

    Yields whether it is really held: False where the file system has no locks. The operating system lets go of the lock
    when its holder ends, however that happens, so it is never stale; the empty file stays.
    """
    with path.open("a") as handle:
        yield _acquire(handle.fileno(), path, notify)


def _acquire(descriptor: int, path: Path, notify: Callable[[str], None] | None) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if notify:
            notify(f"another process is preparing the same data; waiting for it ({path})")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def cache_folder() -> Path:
    """Where decoded images are kept: the environment variable FASTSSL_CACHE, else `~/.cache/fastssl`."""
    named = os.environ.get("FASTSSL_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "fastssl"
