"""What the control groups of Linux, by which containers and batch systems are limited, allow this process.

Covers: memory and processor time, by version 2 and version 1, of the process's own group and of those around it.
Does not cover: limits of single processes (`ulimit`), which processors may be used (`threads.py`), other systems.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NO_LIMIT = 1 << 60
"""Bytes from which version 1, which has no word for it, means that there is no limit."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimit:
    """The limit of one group.

    Args:
        limit: bytes.
        free: bytes of it that are left; files in the page cache, which are given back when memory is short, count as
            free.
    """

    limit: int
    free: int


def memory_limits(root: Path = Path("/")) -> list[MemoryLimit]:
    """List the limits of memory that hold for this process.

    Args:
        root: of the file system that `proc` and `sys` are in.

    Returns:
        One for each group that has a limit; none where there is none, or on other systems than Linux.
    """
    two = ("memory.max", "memory.current")
    one = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    found = [_memory_limit(folder, *two) for folder in _groups(root, "")]
    found += [_memory_limit(folder, *one) for folder in _groups(root, "memory")]
    return [limit for limit in found if limit is not None]


def processor_quota(root: Path = Path("/")) -> float | None:
    """Find how much processor time this process may use.

    Args:
        root: of the file system that `proc` and `sys` are in.

    Returns:
        Seconds per second, such as 2.5 for two and a half processors; None where there is no limit.
    """
    found = []
    for folder in _groups(root, ""):
        found += _ratio(_words(folder / "cpu.max"))
    for folder in _groups(root, "cpu"):
        found += _ratio(_words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us"))
    return min(found, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it; controller: of version 1, "" for version 2.

    In a container the own group is often mounted as the root, while its path is told as seen from outside: folders that
    are not there say nothing.
    """
    base = root / "sys/fs/cgroup" / controller
    path = next((line[2] for line in _memberships(root) if controller in line[1].split(",")), "/")
    folder = base / path.lstrip("/")
    while folder != base and base in folder.parents:
        yield folder
        folder = folder.parent
    yield base


def _memberships(root: Path) -> list[list[str]]:
    """The lines of `/proc/self/cgroup`: number, controllers, path."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    return [parts for parts in (line.split(":", 2) for line in lines) if len(parts) == 3 and ".." not in parts[2]]


def _memory_limit(folder: Path, limit: str, used: str) -> MemoryLimit | None:
    most, now = _words(folder / limit), _words(folder / used)
    if len(most) != 1 or len(now) != 1 or not (most[0] + now[0]).isdigit():  # no such file, or "max"
        return None
    if int(most[0]) >= NO_LIMIT:
        return None
    words = _words(folder / "memory.stat")
    cache = dict(zip(words[::2], words[1::2], strict=False)).get("inactive_file", "0")
    return MemoryLimit(limit=int(most[0]), free=max(0, int(most[0]) - int(now[0]) + int(cache)))


def _ratio(words: list[str]) -> list[float]:
    """A quota divided by its period; "max" and -1 stand for no limit."""
    if len(words) != 2 or not all(word.isdigit() for word in words) or not int(words[1]):
        return []
    return [int(words[0]) / int(words[1])]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []
