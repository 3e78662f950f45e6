"""What the names of a folder's files have in common, and what tells them apart.

Covers: cutting off what all names share, the numbers in a name, names that extend another, suffixes that a user gives.
Does not cover: which names belong together (`ways.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from fastssl.data.layout.words import composed
from fastssl.data.reading import PICTURE_SUFFIXES

from .listing import ListedFile

_PART = re.compile(r"\d+|[^\W\d_]+|[\W_]")
"""A number, a word, or one character that is neither: names are never cut inside the first two."""


def without_common_end(names: Sequence[str]) -> list[str]:
    """Cut off the end that all names share: "21_training", "22_training" become "21", "22".

    Args:
        names: any number of them. A single name stays as it is, and so do names of which one would be empty.
    """
    parts = [_PART.findall(name) for name in names]
    count = _shared([part[::-1] for part in parts])
    return ["".join(part[: len(part) - count]) for part in parts]


def without_common_parts(names: Sequence[str]) -> list[str]:
    """Cut off the beginning and the end that all names share: "image_01_a", "image_02_a" become "01", "02".

    Args:
        names: as for `without_common_end`.
    """
    parts = [_PART.findall(name) for name in without_common_end(names)]
    count = _shared(parts)
    return ["".join(part[count:]) for part in parts]


def numbers(name: str) -> str:
    """Return the numbers in a name without leading zeros, apart by spaces: "case_007-2" becomes "7 2"."""
    return " ".join(str(int(part)) for part in _PART.findall(name) if part.isdecimal())


def shortened(name: str) -> list[str]:
    """Return the names that `name` extends by a separator and possibly more, longest first."""
    return [name[:end] for end in range(len(name) - 1, 0, -1) if not name[end].isalnum()]


def cut_suffix(file: ListedFile, suffix: str) -> str | None:
    """Return a file's name without a suffix that a user gave, or None where it does not end so.

    Args:
        file: any.
        suffix: an ending of the name with or without the file's extension, in any case; "" fits every file.
    """
    suffix = composed(suffix).lower()
    dot = suffix.rfind(".")
    if dot >= 0 and suffix[dot:] in PICTURE_SUFFIXES:
        if file.path.suffix.lower() != suffix[dot:]:
            return None
        suffix = suffix[:dot]
    cut = len(file.stem) - len(suffix)
    return file.stem[:cut] if cut > 0 and file.stem[cut:].lower() == suffix else None


def cut_pattern(file: ListedFile, pattern: str, known: set[str]) -> str | None:
    """Return the longest known name that a file's name extends by what a pattern such as "_mask*" fits.

    Args:
        file: any.
        pattern: with * for any characters.
        known: names.
    """
    pattern = composed(pattern).lower()
    for end in range(len(file.stem), 0, -1):
        if file.stem[:end] in known and fnmatchcase(file.stem[end:].lower(), pattern):
            return file.stem[:end]
    return None


def _shared(parts: Sequence[Sequence[str]]) -> int:
    """How many leading parts are alike in all, so that something is left of each."""
    if len(parts) < 2:
        return 0
    most = min(map(len, parts)) - 1
    return next((n for n in range(most) if len({part[n] for part in parts}) > 1), max(most, 0))
