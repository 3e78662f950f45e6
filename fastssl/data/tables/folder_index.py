"""The folders that the paths in a table mean.

Covers: folders from that of the images on, by their last names, and by their numbers alone. Does not cover: paths of
files (`file_index.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from .file_index import PathMatch
from .paths import Beginnings, normal

_LETTERS_AND_NUMBER = re.compile(r"[A-Za-z]{1,2}(\d+)")
"""The name of a folder as in MIMIC-CXR, s50414267, of which tables have the number alone."""


class FolderIndex:
    """Finds folders by paths.

    Args:
        files: relative paths.
        beginnings: where paths may begin.
    """

    def __init__(self, files: Sequence[str], beginnings: Beginnings) -> None:
        self._beginnings = beginnings
        self._inside: dict[str, list[int]] = defaultdict(list)
        own: dict[str, list[int]] = defaultdict(list)
        for number, file in enumerate(files):
            own[file.rpartition("/")[0]].append(number)
        for place, numbers in own.items():
            folder = normal(place)
            while folder:
                self._inside[folder] += numbers
                folder = folder.rpartition("/")[0]
        self._by_ending: dict[str, list[str]] = defaultdict(list)
        for folder in self._inside:
            parts = folder.split("/")
            for first in range(1, len(parts)):
                self._by_ending["/".join(parts[first:])].append(folder)
            if numbered := _LETTERS_AND_NUMBER.fullmatch(parts[-1]):
                self._by_ending[numbered[1]].append(folder)

    def match(self, paths: Iterable[str]) -> PathMatch:
        """Find the folders of paths.

        Args:
            paths: distinct, not empty.

        Returns:
            All files in them.
        """
        files: dict[str, Sequence[int]] = {}
        unclear: dict[str, Sequence[str]] = {}
        for path in paths:
            text = normal(path)
            whole = [folder for folder in self._beginnings.of(text) if folder in self._inside][:1]
            found = whole or self._by_ending.get(text, [])
            if len(found) > 1:
                unclear[path] = found
            elif found:
                files[path] = self._inside[found[0]]
        return PathMatch(files=files, unclear=unclear)
