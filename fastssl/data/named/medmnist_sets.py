"""Opening a MedMNIST set by flag and size.

Covers: finding its file, or fetching it. Does not cover: what the sets are (`labels/medmnist_table.py`), reading
(`npz/open.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastssl.data.labels.medmnist_table import file_of_set, sizes_of, table
from fastssl.data.npz.open import open_npz
from fastssl.data.paths import home_folder, kind_of
from fastssl.data.reading import ReadingOptions
from fastssl.data.source import Source
from fastssl.errors import DataError

from .download import download


def medmnist_folder(root: Path | None = None) -> Path:
    """Return the folder of MedMNIST files: the one given, else `~/.medmnist`, as in medmnist.

    Args:
        root: as asked for.

    Raises:
        DataError: none is given, and the home folder is not known.
    """
    return root if root is not None else home_folder("give the folder of MedMNIST files as data_root") / ".medmnist"


def open_medmnist(
    flag: str,
    root: Path | None = None,
    size: int | None = None,
    notify: Callable[[str], None] | None = None,
    *,
    value_range: str | None = None,
    options: ReadingOptions | None = None,
    info: Mapping[str, Any] | None = None,
) -> Source:
    """Open a MedMNIST set; its file is downloaded if it is missing.

    Args:
        flag: the set's name, one of `ALL_FLAGS`.
        root: the folder with `{flag}.npz` (above 28 px `{flag}_{size}.npz`); None: `~/.medmnist`, as in medmnist.
        size: 28, 64, 128 or 224 pixels, of a three-dimensional set 28 or 64; None: 28.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.
        value_range: the values of black and white, as `open_source` takes them.
        options: how volumes are cut; None: along axis 0, every slice.
        info: "url" and "MD5" of the file, with `_{size}` appended above 28 px; None: those that medmnist states.

    Returns:
        The source, its images in memory.

    Raises:
        DataError: no such size, or the file cannot be fetched or read. The text names the file, its URL and the folder.
    """
    sizes = sizes_of(flag)
    size = sizes[0] if size is None else size
    if size not in sizes:
        shown = f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]} px"
        raise DataError(f"{flag} comes at {shown}, not size={size}; choose one of these")
    suffix = "" if size == sizes[0] else f"_{size}"
    path = medmnist_folder(root) / file_of_set(flag, size)
    if kind_of(path) != "file":
        info = info or table()[flag]
        download(info[f"url{suffix}"], path, md5=info[f"MD5{suffix}"], notify=notify)
    return open_npz(path, size, value_range=value_range, options=options)
