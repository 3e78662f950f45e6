"""The host's memory: how much there is, how much is free, how much this process takes.

Covers: Linux with and without the limits of a container, other systems as far as they say. Does not cover: GPUs, and
room on disks (`fastssl.data.storage`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fastssl.containers import memory_limits


def free_memory(root: Path = Path("/")) -> int | None:
    """Find how much memory this process may still take.

    Args:
        root: of the file system that `proc` and `sys` are in.

    Returns:
        Bytes: what the system calls available, or what a container's limit leaves, whichever is less; None where
        neither is known.
    """
    available = memory_figure("MemAvailable", root)
    found = [limit.free for limit in memory_limits(root)] + ([] if available is None else [available])
    return min(found) if found else _installed()


def installed_memory(root: Path = Path("/")) -> int | None:
    """Find how much memory the machine has.

    Args:
        root: of the file system that `proc` is in.

    Returns:
        Bytes; None where the system does not say.
    """
    return memory_figure("MemTotal", root) or _installed()


def memory_figure(name: str, root: Path = Path("/")) -> int | None:
    """Read one figure of the system's memory.

    Args:
        name: as `/proc/meminfo` has it.
        root: of the file system that `proc` is in.

    Returns:
        Bytes; None where it is not told.
    """
    return _kilobytes(root / "proc/meminfo", name)


def resident_memory() -> int | None:
    """Find how much memory this process has at the moment.

    Returns:
        Bytes; None on other systems than Linux.
    """
    return _kilobytes(Path("/proc/self/status"), "VmRSS")


def peak_memory() -> int | None:
    """Find the most memory that this process had at any time since it began, or since `reset_peak`.

    Returns:
        Bytes; None where the system does not say.
    """
    peak = _kilobytes(Path("/proc/self/status"), "VmHWM")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def reset_peak() -> bool:
    """Have `peak_memory` count from now on (`proc(5)`, clear_refs).

    Returns:
        Whether that could be done; else it goes on counting from the beginning of the process.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _kilobytes(path: Path, name: str) -> int | None:
    """The figure of a line such as "VmRSS:  1234 kB", in bytes."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, ValueError, StopIteration, IndexError):
        return None


def _installed() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
