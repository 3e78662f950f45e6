"""Opening a MedMNIST set by flag and size.

Covers: finding its file, or fetching it. Does not cover: what the sets are (`medmnist_table.py`), reading (`npz.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastssl.errors import DataError

from .download import download
from .medmnist_table import SIZES, table
from .npz import open_npz
from .source import Source


def open_medmnist(
    flag: str, root: Path | None = None, size: int | None = None, notify: Callable[[str], None] | None = None
) -> Source:
    """Open a MedMNIST set at 28, 64, 128 or 224 px (28 by default).

    Looks for `{flag}.npz` (`{flag}_{size}.npz` above 28 px) in `root`, by default medmnist's own folder, and downloads
    it there where it is missing. Raises DataError, naming the file, its URL and the folder, if it cannot be fetched.
    """
    size = SIZES[0] if size is None else size
    if size not in SIZES:
        raise DataError(f"{flag} comes at 28, 64, 128 and 224 px, not size={size}; choose one of these")
    suffix = "" if size == SIZES[0] else f"_{size}"
    folder = root if root is not None else Path.home() / ".medmnist"
    path = folder / f"{flag}{suffix}.npz"
    if not path.is_file():
        info = table()[flag]
        download(info[f"url{suffix}"], path, md5=info[f"MD5{suffix}"], notify=notify)
    return open_npz(path, size, notify)
