"""Leaving out masks that lie among images.

Covers: folders of masks, then files beside their images, and the lines that say so. Does not cover: how each is
recognised (`mask_folders.py`, `mask_files.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastssl.text import printable

from .mask_files import find_mask_files
from .mask_folders import find_mask_folders
from .walk import Folder


@dataclass(frozen=True, kw_only=True)
class WithoutMasks:
    """The images of a set without its masks.

    Args:
        images: folder -> names of the images in it; folders without any are left out.
        notes: a line for each kind of mask that was left out.
    """

    images: Mapping[Folder, list[str]]
    notes: tuple[str, ...]


def leave_out_masks(images: Mapping[Folder, list[str]], root: Path) -> WithoutMasks:
    """Leave out what the names, and images of the same names, show to be masks.

    Args:
        images: folder -> names of all image files in it.
        root: of the set, for errors.

    Returns:
        The rest.

    Raises:
        DataError: it is half clear that some files are masks.
    """
    notes = []
    folders = find_mask_folders(images, root)
    if folders:
        count = sum(len(images[folder]) for folder in folders)
        first = min(folders)
        called = sorted({printable(top[-1]) for top in folders.values()})
        notes.append(
            f"{count} files in folders called {', '.join(called[:3])}{' ...' * (len(called) > 3)} are masks of the "
            f"images and left out ({printable('/'.join((*first, images[first][0])))})"
        )
    rest = {folder: names for folder, names in images.items() if folder not in folders}
    files = find_mask_files(rest, root)
    if files:
        count = sum(map(len, files.values()))
        first = min(files)
        notes.append(
            f"{count} files next to images of the same name are masks and left out "
            f"({printable('/'.join((*first, min(files[first]))))})"
        )
        rest = {folder: [name for name in names if name not in files.get(folder, ())] for folder, names in rest.items()}
        rest = {folder: names for folder, names in rest.items() if names}
    return WithoutMasks(images=rest, notes=tuple(notes))
