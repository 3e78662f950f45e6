"""The folder of a pack on disk.

Covers: loading it, writing it alone and privately, giving it its name. Does not cover: what is written
(`squares.py`, `levels.py`), the key in its name (`open.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.private_folder import make_private_folder
from fastssl.data.storage import locked, make_cache_folder, writing
from fastssl.errors import DataError
from fastssl.locks import try_lock

from .groups import ImageGroup, group_images
from .rows import FileRows, read_rows
from .writer import IMAGES_FILE

PACK_FILE = "pack.json"

REMEDY = "free some room, choose a smaller size, or set FASTSSL_CACHE to another folder"

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class StoredPack:
    """What a pack's folder holds: squares in the values of their files.

    Args:
        folder: of the pack.
        squares: `[N, S, S, C]`, of the type that holds the values of every file; a read-only memory map.
        rows: what became of each file, in the order of the squares.
        group_of: `[N]` uint8, index of each square's group.
        groups: of files of one type.
        notes: what was changed in reading the files, a line each.
    """

    folder: Path
    squares: np.ndarray
    rows: tuple[FileRows, ...]
    group_of: np.ndarray
    groups: tuple[ImageGroup, ...]
    notes: tuple[str, ...]


def load_pack(folder: Path) -> StoredPack | None:
    """Map a pack.

    Args:
        folder: of the pack.

    Returns:
        The pack; None where there is none, or where it was damaged after it was written.
    """
    try:
        about = json.loads((folder / PACK_FILE).read_text(encoding="utf-8"))
        shape = tuple(about["shape"])
        squares = np.memmap(folder / IMAGES_FILE, np.dtype(about["dtype"]), "r", shape=shape)
        rows = tuple(read_rows(folder))
        groups, group_of = group_images(rows)
        if len(rows) != about["files"] or len(group_of) != shape[0]:
            return None
        return StoredPack(
            folder=folder,
            squares=squares,
            rows=rows,
            group_of=group_of,
            groups=groups,
            notes=tuple(about["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def writing_alone(folder: Path, notify: Notify | None) -> Iterator[Path]:
    """Hold the lock of a folder of the cache inside the block, after waiting for any process that holds it.

    What is written in the block stays when it is interrupted, and the next process goes on with it; where the disk
    refuses, it is removed, which frees the room.

    Args:
        folder: of a pack; what is left of a damaged one is removed.
        notify: called with one line of text if there is another process to wait for.

    Yields:
        A folder to write in, which is gone at the end, by its new name or as it is.

    Raises:
        DataError: the cache cannot be written.
    """
    cache = folder.parent
    with writing(cache, REMEDY):
        make_cache_folder(cache)
        with locked(cache / f".{folder.name}.lock", notify) as alone:
            if alone and load_pack(folder) is None:
                shutil.rmtree(folder, ignore_errors=True)
            # Without locks another process may be writing too, and each has a folder of its own.
            part = cache / (f".{folder.name}.part" if alone else f".{folder.name}.{os.getpid()}.part")
            try:
                make_private_folder(part)
                yield part
            except OSError:
                shutil.rmtree(part, ignore_errors=True)
                raise
            else:
                shutil.rmtree(part, ignore_errors=True)
            finally:
                if not alone or _holds_nothing(part):
                    shutil.rmtree(part, ignore_errors=True)


def _holds_nothing(part: Path) -> bool:
    return next(read_rows(part), None) is None


def earlier_packs(folder: Path) -> list[Path]:
    """List the packs, whole or interrupted, that were made of the same files by the same settings.

    Args:
        folder: of a pack, whether it is there or not; its name ends in a key of its files' order.

    Returns:
        Their folders, without this one, the latest first.
    """
    begin = folder.name.rpartition("-")[0]
    found = [*folder.parent.glob(f"{begin}-*"), *folder.parent.glob(f".{begin}-*.part")]
    own = (folder.name, f".{folder.name}.part")
    there = [path for path in found if path.name not in own and path.is_dir()]
    return sorted(there, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def remove_interrupted(folder: Path) -> None:
    """Remove what interrupted processes left of other packs of the same files, unless they are being written.

    Args:
        folder: of the pack that took their place.
    """
    for part in earlier_packs(folder):
        if not part.name.endswith(".part"):
            continue
        with contextlib.suppress(OSError), part.with_suffix(".lock").open("a") as handle:
            if try_lock(handle.fileno()):
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
