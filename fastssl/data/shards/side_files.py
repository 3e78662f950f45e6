"""What lies beside the shards for each image: whose it is, and what it is called.

Covers: writing and reading these files. Does not cover: labels (`folder.py`, `open.py`), images (`images.py`).

Groups are a `.npy` file of int64; ids are JSON, a list of text, since paths are of all lengths.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastssl.data.fingerprint import bytes_of
from fastssl.errors import DataError
from fastssl.files import write_synced

from .index import SideFile

AGAIN = "copy the folder again, or write the shards again"


def checksum(array: np.ndarray) -> str:
    """Compute the checksum of an array's bytes, as an index has it: 32 hexadecimal digits of BLAKE2b."""
    return _digest(bytes_of(array))


def write_groups(path: Path, groups: np.ndarray) -> SideFile:
    """Write whose the images of a split are.

    Args:
        path: of the file to make.
        groups: int64 `[N]`.

    Returns:
        Its entry in the index.

    Raises:
        OSError: it cannot be written.
    """
    write_array(path, groups)
    return SideFile(file=path.name, checksum=checksum(groups))


def write_ids(path: Path, ids: Sequence[str]) -> SideFile:
    """Write what the images of a split are called.

    Args:
        path: of the file to make.
        ids: N names.

    Returns:
        Its entry in the index.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps([str(one) for one in ids], indent=0) + "\n"
    write_synced(path, text)
    return SideFile(file=path.name, checksum=_digest(text.encode()))


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array, and return once it is on the disk.

    Args:
        path: of the `.npy` file to make.
        array: of numbers.

    Raises:
        OSError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    write_synced(path, buffer.getvalue())


def load_array(path: Path) -> np.ndarray:
    """Read an array that `write_array` wrote.

    Args:
        path: of the `.npy` file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error}); {AGAIN}") from error


def read_groups(folder: Path, stored: SideFile | None, count: int, patients: int) -> np.ndarray | None:
    """Read whose the images of a split are.

    Args:
        folder: of the shards.
        stored: the file's entry in the index; None: it is not known.
        count: of images.
        patients: whose names the index has; 0: none.

    Returns:
        int64 `[N]`, or None.

    Raises:
        DataError: the file is missing or not what was written.
    """
    if stored is None:
        return None
    path = folder / stored.file
    groups = load_array(path)
    sound = groups.dtype == np.int64 and groups.shape == (count,) and checksum(groups) == stored.checksum
    if not sound or (patients and not 0 <= groups.min() <= groups.max() < patients):
        raise DataError(f"{path} holds other groups than those that were written; {AGAIN}")
    return groups


def read_ids(folder: Path, stored: SideFile | None, count: int) -> np.ndarray | None:
    """Read what the images of a split are called.

    Args:
        folder: of the shards.
        stored: the file's entry in the index; None: they have no names.
        count: of images.

    Returns:
        Text `[N]`, or None.

    Raises:
        DataError: the file is missing or not what was written.
    """
    if stored is None:
        return None
    path = folder / stored.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {AGAIN}") from error
    if _digest(content) == stored.checksum and len(ids := json.loads(content)) == count:
        return np.array(ids, dtype=str)
    raise DataError(f"{path} holds other names than those that were written; {AGAIN}")


def _digest(content: bytes | memoryview) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
