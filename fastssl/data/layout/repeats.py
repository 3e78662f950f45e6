"""Files that are in a set more than once, because links lead to them.

Covers: links to files and to folders, hard links. Does not cover: copies, which only their pixels could tell.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastssl.text import printable


def note_on_repeats(root: Path, split_of: Mapping[str, str]) -> str:
    """Say how many files of a set are one file on disk.

    Args:
        root: of the set.
        split_of: path relative to `root` -> its split.

    Returns:
        One line, also on files that are in several splits; "" where every file is there once.
    """
    groups = [paths for paths in _by_identity(root, split_of).values() if len(paths) > 1]
    if not groups:
        return ""
    first, second = map(printable, groups[0][:2])
    extra = sum(len(paths) - 1 for paths in groups)
    line = f"{extra} images are there more than once, by links ({first} is {second})"
    across = [paths for paths in groups if len({split_of[path] for path in paths}) > 1]
    if not across:
        return line
    return f"{line}; {len(across)} of them are in several splits, such as {_placed(across[0], split_of)}"


def _by_identity(root: Path, paths: Mapping[str, str]) -> dict[tuple[int, int], list[str]]:
    """Device and number of a file -> the paths that lead to it."""
    found = defaultdict(list)
    for path in paths:
        with contextlib.suppress(OSError):
            about = (root / path).stat()
            found[about.st_dev, about.st_ino].append(path)
    return found


def _placed(paths: Sequence[str], split_of: Mapping[str, str]) -> str:
    one, other = paths[0], next(path for path in paths if split_of[path] != split_of[paths[0]])
    return f"{printable(one)} ({split_of[one]}) and {printable(other)} ({split_of[other]})"
