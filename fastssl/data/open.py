"""One call that opens any data set.

Covers: finding which kind of source a name or path is, and what was perhaps meant if it is none. Does not cover:
reading it, which is one module for each kind (`named/demo.py`, `named/medmnist_sets.py`, `npz/open.py`,
`shards/open.py`, `folder.py`).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from fastssl.data.labels import medmnist_table
from fastssl.data.named import demo, medmnist_sets
from fastssl.data.npz.open import open_npz
from fastssl.data.patients.options import PatientOptions, check_no_group
from fastssl.data.shards.index import INDEX_FILE
from fastssl.data.shards.open import open_shards
from fastssl.data.tables import TableOptions
from fastssl.data.tables.options import Uncertain
from fastssl.data.values.value_range import range_setting
from fastssl.errors import DataError

from .folder import open_folder
from .paths import expanded, kind_of
from .reading import ReadingOptions
from .source import Source

Notify = Callable[[str], None]

_NO_TABLE = "{} has labels of its own; a table (--labels) goes with a folder of images: leave it out"
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


def open_source(
    data: str | os.PathLike[str] = "demo",
    *,
    root: str | os.PathLike[str] | None = None,
    size: int | None = None,
    skip_corrupt: bool = False,
    value_range: str | None = None,
    max_megapixels: int = 200,
    window: str = "file",
    axis: str = "auto",
    every: int = 1,
    neighbours: bool = False,
    labels: str | os.PathLike[str] | None = None,
    path_column: str | None = None,
    label_column: str | Sequence[str] = (),
    split_column: str | None = None,
    uncertain: Uncertain = "leave-out",
    group: str | None = None,
    pseudonymise: bool = True,
    allow_leak: bool = False,
    notify: Notify | None = None,
) -> Source:
    """Open a data set by name or path.

    Args:
        data: "demo" or "demo-colour" (synthetic, built in), a MedMNIST flag such as "pneumoniamnist", a MedMNIST-style
            `.npz` file, a folder of shards (`fastssl.data.shards`), or a folder of images. A name wins over a file of
            the same name: write "./demo" for the file.
        root: folder of MedMNIST files (None: `~/.medmnist`); a relative path is looked for there as well.
        size: side of the images in pixels; None: 28 for the demo set and MedMNIST, their own short side for a `.npz`
            file, that of the shards for shards, 224 for a folder of images.
        skip_corrupt: leave out images of a folder that cannot be read, and name them through `notify`.
        value_range: the file values that become black and white, "LOW,HIGH"; "full" for those of the files' type; None
            finds them in the images.
        max_megapixels: size of the largest image that is read.
        window: black and white of scans: "file" (what DICOM files say), "auto" (found in each), "CENTER,WIDTH", or
            three of these with ";" between them, which become the channels.
        axis: what volumes are cut along: "axial", "coronal", "sagittal", "0", "1", "2", or "auto".
        every: every n-th slice of a volume or frame of a film is taken.
        neighbours: a slice's two neighbours become channels next to it.
        labels: a table (CSV, TSV, Parquet, XLSX) with a row for each image.
        path_column: its column of the files' names; None: found.
        label_column: its column of classes, or its columns of findings; none: found.
        split_column: its column of splits; None: found.
        uncertain: what -1 means in columns of findings: "leave-out", "zeros" or "ones".
        group: whose an image is: a column of the table, a regular expression for the path, "dicom", "folder" or
            "none"; None: what the table or DICOM files say.
        pseudonymise: keep salted hashes of patients' names alone.
        allow_leak: patients may be in two of the data's own splits.
        notify: called with one line of text whenever there is something to tell, such as `print`; None keeps quiet.

    Returns:
        The source: uint8 or uint16 images by split (those of shards stay on the disk), with labels and masks where
        there are any.

    Raises:
        DataError: there is no such data, or it cannot be read. The text says what is wrong, where, and what to do.
    """
    name = os.fsdecode(data)
    folder = None if root is None else expanded(root, "data_root")
    setting = range_setting(value_range)
    options = ReadingOptions(
        max_megapixels=max_megapixels, window=window, axis=axis, every=every, neighbours=neighbours
    )
    if size is not None and size < 1:
        raise DataError(f"size={size}: the side of an image is at least 1 pixel")
    patients = PatientOptions(group=group, pseudonymise=pseudonymise, allow_leak=allow_leak)
    columns = (label_column,) if isinstance(label_column, str) else tuple(label_column)
    table = _table_options(labels, path_column, columns, split_column, uncertain)
    if table is not None and is_name(name):
        raise DataError(_NO_TABLE.format(name))
    if is_name(name):
        check_no_group(patients, f"{name} does not say whose its images are")
    if name in demo.NAMES:
        return demo.open_demo(name, size)
    if name in medmnist_table.ALL_FLAGS:
        return medmnist_sets.open_medmnist(name, folder, size, notify, value_range=setting, options=options)
    path, kind = _find(name, folder)
    is_shards = kind == "folder" and kind_of(path / INDEX_FILE) == "file"
    if table is not None and (is_shards or (kind == "file" and path.suffix.lower() == ".npz")):
        raise DataError(_NO_TABLE.format(path))
    if is_shards:
        return open_shards(path, size, value_range=setting, patients=patients)
    if kind == "folder":
        return open_folder(
            path,
            size,
            options,
            table=table,
            patients=patients,
            skip_corrupt=skip_corrupt,
            value_range=setting,
            notify=notify,
        )
    if kind == "file" and path.suffix.lower() == ".npz":
        return open_npz(path, size, value_range=setting, patients=patients, options=options)
    raise DataError(_not_data(name, path, kind))


def _table_options(
    labels: str | os.PathLike[str] | None,
    path: str | None,
    label: tuple[str, ...],
    split: str | None,
    uncertain: Uncertain,
) -> TableOptions | None:
    """What is chosen about the table; None without one."""
    if labels is None:
        given = next(
            (f"{what}_column" for what, own in (("path", path), ("label", label), ("split", split)) if own), ""
        )
        if given:
            raise DataError(f"{given} names a column of a table, and there is none; give one by --labels")
        return None
    return TableOptions(
        path=expanded(labels, "labels"), path_column=path, label_columns=label, split_column=split, uncertain=uncertain
    )


def is_name(data: str) -> bool:
    """Tell whether data are meant by name, not by path.

    Args:
        data: as `open_source` takes it.

    Returns:
        True of the demo sets and of MedMNIST flags.
    """
    return data in (*demo.NAMES, *medmnist_table.ALL_FLAGS)


def is_there(data: str, root: str | os.PathLike[str] | None = None) -> bool:
    """Tell whether there is anything at a path of data.

    Args:
        data: as `open_source` takes it, no name.
        root: likewise.

    Returns:
        Whether there is, whatever it is.

    Raises:
        DataError: it is no path, or may not be looked at.
    """
    return bool(_find(data, None if root is None else expanded(root, "data_root"))[1])


def _find(name: str, root: Path | None) -> tuple[Path, str]:
    """The file or folder that `name` means, looked for here and then in `root`, and what it is: "" if it is nowhere."""
    path = expanded(name, "data")
    candidates = [path] if root is None or path.is_absolute() else [path, root / path]
    found = ((candidate, kind_of(candidate)) for candidate in candidates)
    return next(((candidate, kind) for candidate, kind in found if kind), (path, ""))


def _not_data(name: str, path: Path, kind: str) -> str:
    """Say why there is nothing to open at a path."""
    if not kind:
        return _not_found(name, path)
    if kind != "file":
        return f"{path} is {kind}; give a .npz file or the folder that holds the images"
    suffix = path.suffix.lower()
    hint = " (unpack it first)" if suffix in _ARCHIVES else ""
    return f"{path} is a {suffix or 'nameless'} file; give a .npz file or the folder that holds the images{hint}"


def _not_found(name: str, path: Path) -> str:
    """Say that there is no such data, and which name or neighbouring path was perhaps meant."""
    beside = kind_of(path.parent) == "folder"
    meant = {known: known for known in (*demo.NAMES, *medmnist_table.ALL_FLAGS)}
    meant |= {entry.name: str(entry) for entry in (_visible(path.parent) if beside else ())}
    close = difflib.get_close_matches(path.name, meant, n=1, cutoff=0.7)
    if close:
        return f"no data at '{name}'; did you mean '{meant[close[0]]}'?"
    if not beside:
        return f"no data at '{name}': the folder {path.parent} does not exist"
    flags = ", ".join(medmnist_table.ALL_FLAGS)
    return f"no data at '{name}': give a path, demo, demo-colour or a MedMNIST flag ({flags})"


def _visible(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.name[0] != "."]
    except OSError:
        return []
