"""Paths as tables write them, in one form in which they can be compared with those of files.

Covers: signs between folders, forms of Unicode, endings of files, where a relative path begins. Does not cover: finding
the file that a path means (`file_index.py`).
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path

from fastssl.data.layout.endings import VOLUMES
from fastssl.data.layout.words import composed
from fastssl.data.reading import IMAGE_SUFFIXES

_SCANS = (".dcm", ".dicom", ".ima", ".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
FILE_SUFFIXES = tuple(sorted(VOLUMES.union(IMAGE_SUFFIXES, _SCANS)))
"""Endings that a table may leave out, or have in place of the one on disk."""
_SUFFIXES = frozenset(FILE_SUFFIXES)


def normal(path: str) -> str:
    """Write a path with slashes, in Unicode's composed form, without "./" and what else says nothing.

    Args:
        path: as a table or a file system has it.

    Returns:
        The path; "" for none.
    """
    text = path if path.isascii() else composed(path)
    text = text.removeprefix("file://")
    if "\\" in text:
        text = text.replace("\\", "/")
    if "/" not in text:
        return text
    if text.startswith("./") or text.endswith("/") or "//" in text or "/." in text:
        text = posixpath.normpath(text)
    return text


def stem(path: str) -> str:
    """Leave out the ending of a file, if it is one of `FILE_SUFFIXES`.

    Args:
        path: of a file.

    Returns:
        The path without it; a path such as "1.2.840.113619", which only looks as if it had one, as it is.
    """
    head, point, ending = path.rpartition(".")
    ending = f".{ending.lower()}"
    if not point or (ending not in _SUFFIXES and ending != ".gz"):
        return path
    if ending == ".gz":
        first = head.rpartition(".")[0]
        return first if path[len(first) :].lower() in _SUFFIXES else path
    return head


class Beginnings:
    """Makes paths of a table relative to the folder of the images.

    Args:
        root: the folder that the files' paths are relative to; as an attribute, absolute, with a slash at its end.
        others: folders that paths may begin in as well: the one that a user gave, the table's own.
    """

    def __init__(self, root: Path, others: Sequence[Path]) -> None:
        bases = [root.parent.absolute()]
        for folder in others:
            bases += [folder.absolute(), Path(os.path.realpath(folder))]
        own = dict.fromkeys((root.absolute(), Path(os.path.realpath(root))))
        pairs = [(one, base) for one in own for base in dict.fromkeys(bases) if one != base]
        self._absolute = [_as_folder(one) for one in own]
        self.root = self._absolute[0]
        self._bases = [_as_folder(base) for base in dict.fromkeys(bases)]
        self._cut = [_as_folder(one.relative_to(base)) for one, base in pairs if one.is_relative_to(base)]
        self._add = [_as_folder(base.relative_to(one)) for one, base in pairs if base.is_relative_to(one)]

    def of(self, path: str) -> list[str]:
        """Return what a path may be from the folder of the images on.

        Args:
            path: as `normal` returns it.

        Returns:
            Relative paths, the likeliest first: the path as it is, then from each of the other folders.
        """
        if path.startswith("/"):
            return [path[len(own) :] for own in self._absolute if path.startswith(own)]
        if path.startswith("../"):
            climbed = (posixpath.normpath(base + path) for base in self._bases)
            return [one[len(own) :] for one in climbed for own in self._absolute if one.startswith(own)]
        cut = (path[len(own) :] for own in self._cut if path.startswith(own))
        return [path, *cut, *(own + path for own in self._add)]


def _as_folder(path: Path) -> str:
    return normal(path.as_posix()).rstrip("/") + "/"
