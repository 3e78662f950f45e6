"""Putting a table together as its file is read.

Covers: pieces of rows, spaces around cells, cells that say that nothing is there. Does not cover: reading files
(`text_file.py`, `parquet.py`, `sheet.py`).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from .table import Column

MISSING = frozenset(("nan", "na", "n/a", "#n/a", "<na>", "null"))
"""Words of a cell, in lower case, that say that there is nothing in it."""


class TableBuilder:
    """Puts a table together from pieces of rows; cells that were met before take four bytes.

    Args:
        names: of the columns, each once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._codes: list[defaultdict[str, int]] = [defaultdict() for _ in names]
        for codes in self._codes:
            codes.default_factory = codes.__len__
        self._parts: list[list[np.ndarray]] = [[] for _ in names]
        self._lines = array("i")

    def add(self, columns: Iterable[Sequence[str]], lines: Iterable[int]) -> None:
        """Append rows.

        Args:
            columns: for each column, the cells of the new rows.
            lines: of the new rows.
        """
        self._lines.extend(lines)
        for codes, parts, cells in zip(self._codes, self._parts, columns, strict=True):
            parts.append(np.fromiter(map(codes.__getitem__, cells), np.int32, len(cells)))

    def finish(self) -> tuple[dict[str, Column], np.ndarray]:
        """Return the columns by name, and the lines of the rows."""
        columns = {}
        for name, codes, parts in zip(self._names, self._codes, self._parts, strict=True):
            own = np.concatenate(parts) if parts else np.zeros(0, np.int32)
            columns[name] = _cleaned(name, list(codes), own)
        return columns, np.array(self._lines, dtype=np.int32)


def _cleaned(name: str, values: Sequence[str], codes: np.ndarray) -> Column:
    """Take spaces away, and what says that nothing is there."""
    place: dict[str, int] = {}
    moved = np.empty(len(values), dtype=np.int32)
    for index, value in enumerate(values):
        text = value.strip()
        moved[index] = place.setdefault("" if text.lower() in MISSING else text, len(place))
    return Column(name=name, values=tuple(place), codes=moved[codes] if len(values) else codes)
