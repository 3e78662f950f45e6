"""The image files below a folder, with what their names and folders say.

Covers: subfolders, hidden files, folders that systems leave behind, Unicode forms, endings in any case. Does not cover:
opening files; which of them is an image and which a mask (`roles.py`).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fastssl.data.reading import IMAGE_SUFFIXES
from fastssl.errors import DataError

_JUNK = ("__macosx", "@eadir", "$recycle.bin", "system volume information")
"""Folders of operating systems and network drives, which hold thumbnails and what was deleted."""


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


def list_files(root: Path, without: Iterable[Path] = ()) -> tuple[list[ListedFile], Counter[str]]:
    """List the image files in a folder and its subfolders.

    Args:
        root: the folder; links to folders are followed, but never to a folder that holds the link.
        without: folders below `root` that are left out.

    Returns:
        The files, sorted by folder and name; and ending in lower case -> number of the files of other kinds.

    Raises:
        DataError: there is no such folder, or one cannot be listed.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of images")
    left_out = {folder.resolve() for folder in without}
    files: list[ListedFile] = []
    others: Counter[str] = Counter()

    def enter(folder: Path, folders: tuple[str, ...], inside: frozenset[Path]) -> None:
        here = folder.resolve()
        if here in inside or here in left_out:
            return
        for path in _entries(folder):
            if path.is_dir():
                enter(path, (*folders, composed(path.name)), inside | {here})
            elif path.suffix.lower() in IMAGE_SUFFIXES:
                files.append(ListedFile(path=path, folders=folders, stem=composed(path.stem).strip()))
            else:
                others[path.suffix.lower() or path.name] += 1

    enter(root, (), frozenset())
    return sorted(files, key=lambda file: (file.folders, file.path.name)), others


def composed(text: str) -> str:
    """Return text in Unicode's composed form, for macOS writes names in the other one."""
    return unicodedata.normalize("NFC", text)


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, without what is hidden."""
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}; change its permissions") from None
    return [path for path in paths if path.name[0] != "." and path.name.lower() not in _JUNK]
