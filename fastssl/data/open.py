"""One call that opens any data set.

Covers: finding which kind of source a name or path is, and what was perhaps meant if it is none. Does not cover:
reading it, which is one module for each kind (`demo.py`, `medmnist_sets.py`, `npz.py`, `folder.py`).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from fastssl.data import demo, medmnist_sets, medmnist_table
from fastssl.errors import DataError

from .folder import open_folder
from .npz import open_npz
from .source import Source

Notify = Callable[[str], None]


def open_source(
    data: str | os.PathLike[str] = "demo",
    *,
    root: str | os.PathLike[str] | None = None,
    size: int | None = None,
    skip_corrupt: bool = False,
    value_range: str | None = None,
    max_megapixels: int = 200,
    notify: Notify | None = None,
) -> Source:
    """Open a data set by name or path.

    Args:
        data: "demo" or "demo-colour" (synthetic, built in), a MedMNIST flag such as "pneumoniamnist", a MedMNIST-style
            `.npz` file, or a folder of images. A name wins over a file of the same name: write "./demo" for the file.
        root: folder of MedMNIST files (None: `~/.medmnist`); a relative path is looked for there as well.
        size: side of the images in pixels; None: 28 for the demo set and MedMNIST, their own short side for a `.npz`
            file, 224 for a folder.
        skip_corrupt: leave out images of a folder that cannot be read, and name them through `notify`.
        value_range: the file values that become black and white, "LOW,HIGH"; "full" for those of the files' type; None
            finds them in the images.
        max_megapixels: size of the largest image that is read.
        notify: called with one line of text whenever there is something to tell, such as `print`; None keeps quiet.

    Returns:
        The source: uint8 or uint16 images by split, with labels and masks where there are any.

    Raises:
        DataError: there is no such data, or it cannot be read. The text says what is wrong, where, and what to do.
    """
    name = os.fspath(data)
    folder = Path(root).expanduser() if root is not None else None
    if size is not None and size < 1:
        raise DataError(f"size={size}: the side of an image is at least 1 pixel")
    if name in demo.NAMES:
        return demo.open_demo(name, size)
    if name in medmnist_table.FLAGS:
        return medmnist_sets.open_medmnist(name, folder, size, notify, value_range=value_range)
    path = _find(name, folder)
    if path is None:
        raise DataError(_not_found(name))
    if path.is_dir():
        return open_folder(path, size=size, skip_corrupt=skip_corrupt, notify=notify)
    if path.suffix.lower() == ".npz":
        return open_npz(path, size, value_range=value_range)
    raise DataError(
        f"{path} is a {path.suffix or 'nameless'} file; give a .npz file or the folder that holds the images"
    )


def _find(name: str, root: Path | None) -> Path | None:
    """The existing file or folder that `name` means, looked for here and then in `root`; or None."""
    path = Path(name).expanduser()
    candidates = [path] if root is None or path.is_absolute() else [path, root / path]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _not_found(name: str) -> str:
    """Say that there is no such data, and which name or neighbouring path was perhaps meant."""
    if name.endswith("mnist3d"):
        return f"'{name}' is a three-dimensional MedMNIST set; only the two-dimensional ones can be opened"
    path = Path(name).expanduser()
    siblings = [entry for entry in path.parent.iterdir() if entry.name[0] != "."] if path.parent.is_dir() else []
    meant = {known: known for known in (*demo.NAMES, *medmnist_table.FLAGS)}
    meant |= {entry.name: str(entry) for entry in siblings}
    close = difflib.get_close_matches(path.name, meant, n=1, cutoff=0.7)
    if close:
        return f"no data at '{name}'; did you mean '{meant[close[0]]}'?"
    if not path.parent.is_dir():
        return f"no data at '{name}': the folder {path.parent} does not exist"
    return f"no data at '{name}': give a path, demo, demo-colour or a MedMNIST flag ({', '.join(medmnist_table.FLAGS)})"
