"""The folder of a pack on disk.

Covers: loading it, writing it alone and privately, giving it its name. Does not cover: what is written
(`squares.py`, `levels.py`), the key in its name (`open.py`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.private_folder import make_private_folder
from fastssl.data.storage import locked, writing
from fastssl.errors import DataError

from .groups import ImageGroup

REMEDY = "free some room, choose a smaller size, or set FASTSSL_CACHE to another folder"

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class StoredPack:
    """What a pack's folder holds: squares in the values of their files.

    Args:
        folder: of the pack.
        squares: `[N, S, S, C]`, of the type that holds the values of every file; a read-only memory map.
        group_of: `[N]` uint8, index of each square's group.
        groups: of files of one type.
        unreadable: relative path of each damaged image -> reason.
        notes: what was changed in reading the files, a line each.
    """

    folder: Path
    squares: np.ndarray
    group_of: np.ndarray
    groups: tuple[ImageGroup, ...]
    unreadable: dict[str, str]
    notes: tuple[str, ...]


def load_pack(folder: Path) -> StoredPack | None:
    """Map a pack.

    Args:
        folder: of the pack.

    Returns:
        The pack; None where there is none, or where it was damaged after it was written.
    """
    try:
        about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        shape = tuple(about["shape"])
        return StoredPack(
            folder=folder,
            squares=np.memmap(folder / "images.raw", np.dtype(about["dtype"]), "r", shape=shape),
            group_of=np.memmap(folder / "groups.raw", np.uint8, "r", shape=shape[:1]),
            groups=tuple(ImageGroup.from_json(group) for group in about["groups"]),
            unreadable=about["unreadable"],
            notes=tuple(about["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def writing_alone(folder: Path, notify: Notify | None) -> Iterator[Path]:
    """Hold the lock of a pack inside the block, after waiting for any process that holds it.

    Args:
        folder: of the pack, in the cache; what is left of a damaged one is removed.
        notify: called with one line of text if there is another process to wait for.

    Yields:
        A folder to write in, which is removed at the end.

    Raises:
        DataError: the cache cannot be written.
    """
    cache = folder.parent
    with writing(cache, REMEDY):
        if not os.environ.get("FASTSSL_CACHE"):  # a folder that the user chose may be open to others on purpose
            make_private_folder(cache.parent)
        make_private_folder(cache)
        with locked(cache / f".{folder.name}.lock", notify) as alone:
            if alone:
                for leftover in cache.glob(f".{folder.name}.*.part"):
                    shutil.rmtree(leftover)
                if load_pack(folder) is None:
                    shutil.rmtree(folder, ignore_errors=True)
            part = cache / f".{folder.name}.{os.getpid()}.part"
            try:
                make_private_folder(part)
                yield part
            finally:
                shutil.rmtree(part, ignore_errors=True)


def publish(part: Path, folder: Path) -> None:
    """Give a finished pack its name, unless another process was first.

    Args:
        part: the folder that it was written in.
        folder: its name in the cache.

    Raises:
        OSError: it cannot be renamed.
    """
    try:
        part.rename(folder)
    except OSError:
        if load_pack(folder) is None:
            raise


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what does not fit on the disk.

    Args:
        folder: that is written in.
        needed: bytes.

    Raises:
        DataError: there is less room than that.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(f"{folder.parent} has {free / 1e9:.2f} GB free of the {needed / 1e9:.2f} GB needed; {REMEDY}")
