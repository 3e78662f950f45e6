"""The operating system's locks between processes.

Covers: taking an exclusive lock on an open file, with and without waiting for it. Does not cover: what is locked and
why (`files.py`, `fastssl.training.run_lock`, `fastssl.data.storage`).

The system releases a lock when its holder ends, however that happens, so that a lock is never stale.
"""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


def try_lock(descriptor: int) -> bool | None:
    """Take an exclusive lock on an open file, which it then has until it is closed.

    Args:
        descriptor: of the file, open for writing.

    Returns:
        True: taken. False: another process, or another opening of the file in this one, has it. None: there are no
        locks here, as on some network file systems.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def wait_for_lock(descriptor: int) -> None:
    """Take an exclusive lock that `try_lock` found taken, once its holder gives it back.

    Args:
        descriptor: of the file, open for writing.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX)
