"""Memory and folders of this machine.

Covers: the host's memory, what is free on the disks, where files are looked for and kept. Does not cover: memory of
GPUs (`graphics.py`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from fastssl.containers import memory_limits
from fastssl.memory import free_memory, installed_memory, memory_figure
from fastssl.paths import home_folder

from .facts import HostMemory, Place

SHARED = Path("/dev/shm")


def find_memory() -> HostMemory:
    """Read what the system says of the host's memory.

    Returns:
        The memory.
    """
    limits = [limit.limit for limit in memory_limits()]
    total, free = memory_figure("SwapTotal"), memory_figure("SwapFree")
    return HostMemory(
        installed=installed_memory(),
        free=free_memory(),
        limit=min(limits, default=None),
        swapped=None if total is None or free is None else total - free,
        shared=shutil.disk_usage(SHARED).total if SHARED.is_dir() else None,
    )


def find_places() -> tuple[Place, ...]:
    """Find the folders that fastssl reads and writes.

    Returns:
        The current folder, where runs go; that of MedMNIST's files; that of decoded images; that of temporary files.
    """
    places = [look_at("runs (here)", Path.cwd())]
    try:
        places.append(look_at("MedMNIST files", home_folder() / ".medmnist"))
    except ValueError as error:
        places.append(Place(name="MedMNIST files", path=f"not known: {error}", free=None, writable=False))
    return (*places, _cache(), look_at("temporary", Path(tempfile.gettempdir())))


def look_at(name: str, path: Path) -> Place:
    """Look at a folder, without writing anything.

    Args:
        name: what it is for.
        path: where it is, or would be made.

    Returns:
        What it is like.
    """
    there = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), path)
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = None
    return Place(name=name, path=str(path), free=free, writable=there.is_dir() and os.access(there, os.W_OK | os.X_OK))


def _cache() -> Place:
    """The folder of decoded images; NumPy, which comes with it, may be broken."""
    name = "decoded images"
    try:
        from fastssl.data.storage import cache_folder

        return look_at(name, cache_folder())
    except Exception as error:  # whatever a broken package raises; it is told with the packages
        return Place(name=name, path=f"not known: {error}", free=None, writable=True)
