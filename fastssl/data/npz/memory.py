"""How much memory is free, so that what cannot fit is refused before it is read.

Covers: Linux with and without the limits of a container, other systems as far as they say. Does not cover: GPUs, and
room on disks (`storage.py`).
"""

from __future__ import annotations

import os
from pathlib import Path


def free_memory(root: Path = Path("/")) -> int | None:
    """Find how much memory this process may still take.

    Args:
        root: of the file system that `proc` and `sys` are in.

    Returns:
        Bytes: what the system calls available, or what a container's limit leaves, whichever is less; None where
        neither is known.
    """
    found = [amount for amount in (_available(root), _below_limit(root)) if amount is not None]
    return min(found) if found else _installed()


def _available(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
        return int(kilobytes) * 1024
    except (OSError, ValueError, StopIteration, IndexError):
        return None


def _below_limit(root: Path) -> int | None:
    """By cgroup v2, then v1; files that a process keeps in the page cache are given back when memory is short."""
    for limit, used, cache in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        folder = root / "sys/fs/cgroup"
        try:
            most, now = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
            stat = dict(line.split() for line in (folder / cache).read_text(encoding="ascii").splitlines())
            return max(0, most - now + int(stat.get("inactive_file", 0)))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None


def _installed() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
