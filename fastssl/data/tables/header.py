"""The first line of a table: the names of its columns.

Covers: names that are missing or there twice, a first line that holds data. Does not cover: what a name means
(`names.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fastssl.errors import DataError
from fastssl.text import printable

from .paths import FILE_SUFFIXES

NAMELESS = "\0"
"""What a made-up name begins with, of a column that has none."""


def unique_names(cells: Sequence[str], path: Path) -> list[str]:
    """Name the columns by the first line of a table.

    Args:
        cells: of the first line.
        path: of the table.

    Returns:
        A name for each; one that begins with a null character for a column without.

    Raises:
        DataError: a name is there twice, none is there, or a cell is a file.
    """
    names = [printable(cell.strip()) for cell in cells]
    _check(names, path)
    return [name or f"{NAMELESS}{place}" for place, name in enumerate(names)]


def _check(names: Sequence[str], path: Path) -> None:
    """Refuse a first line that cannot be one of names."""
    data = next((name for name in names if name.lower().endswith(FILE_SUFFIXES)), None)
    if data is not None:
        raise DataError(
            f"{path} has no header: its first line holds the file {data}; begin it with a line of names such as "
            "path,label"
        )
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        raise DataError(f"{path} has {names.count(twice[0])} columns called {twice[0]}; rename all but one")
    if not any(names):
        raise DataError(f"{path} has no names of columns in its first line; begin it with such as path,label")
