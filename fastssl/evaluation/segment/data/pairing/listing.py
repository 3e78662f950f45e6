"""The image files below a folder, with what their names and folders say.

Covers: names in one form of Unicode, folders that belong to another role. Does not cover: walking through folders
(`fastssl.data.layout.walk`), which file is an image and which a mask (`roles.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastssl.data.layout.walk import find_images
from fastssl.data.layout.words import composed
from fastssl.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ListedFile:
    """An image file below a folder.

    Attributes:
        path: of the file.
        folders: between the folder that was listed and the file; Unicode in composed form (NFC), here as below.
        stem: the file's name without its extension.
    """

    path: Path
    folders: tuple[str, ...]
    stem: str

    @property
    def below(self) -> str:
        """Return the path below the folder that was listed, with slashes."""
        return "/".join((*self.folders, self.path.name))


@dataclass(frozen=True, kw_only=True)
class FileListing:
    """What lies below a folder.

    Attributes:
        files: the image files, by folder and name.
        passed_over: ending in lower case -> number of files of other kinds.
        notes: a line for each kind of thing that was left out.
    """

    files: tuple[ListedFile, ...]
    passed_over: Mapping[str, int]
    notes: tuple[str, ...]


def list_files(root: Path, without: Iterable[Path] = ()) -> FileListing:
    """List the image files in a folder and its subfolders.

    Args:
        root: the folder.
        without: folders below `root` that are left out.

    Raises:
        DataError: there is no such folder, it holds no image, or a folder cannot be listed.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of images")
    listing = find_images(root, pictures_alone=True)
    left_out = {folder.resolve() for folder in without}
    files = []
    for folders, names in listing.images.items():
        here = root.joinpath(*folders)
        if left_out.intersection((here.resolve(), *here.resolve().parents)):
            continue
        for path in map(here.joinpath, names):
            folder = tuple(map(composed, folders))
            files.append(ListedFile(path=path, folders=folder, stem=composed(path.stem).strip()))
    return FileListing(files=tuple(files), passed_over=listing.passed_over, notes=listing.notes)
