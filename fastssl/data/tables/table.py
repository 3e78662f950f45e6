"""A table of text: named columns, each distinct cell once.

Covers: the record, columns put together piece by piece, names of columns compared loosely. Does not cover: files
(`read.py`), what a column means (`columns.py`).
"""

from __future__ import annotations

import difflib
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from fastssl.data.labels.counts import shortened
from fastssl.errors import DataError
from fastssl.text import printable

from .names import PATIENTS

SHOWN = 3
MISSING = frozenset(("nan", "na", "n/a", "#n/a", "<na>", "null"))
"""Words of a cell, in lower case, that say that there is nothing in it."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of R rows.

    Args:
        name: as the table has it.
        values: its distinct cells without spaces around them; "" for an empty or missing one.
        codes: int32 `[R]`, which of `values` each row has.
    """

    name: str
    values: tuple[str, ...]
    codes: np.ndarray

    @property
    def private(self) -> bool:
        """Its cells are names or numbers of patients, by its name, and are not shown."""
        return loose(self.name) in PATIENTS

    @cached_property
    def blank(self) -> np.ndarray:
        """Bool `[R]`: the cell is empty."""
        return np.array([not value for value in self.values], dtype=bool)[self.codes]

    def cells(self, rows: np.ndarray) -> np.ndarray:
        """Return the text of some rows.

        Args:
            rows: int `[M]`.

        Returns:
            `[M]` of str.
        """
        return np.array(self.values, dtype=object)[self.codes[rows]]

    def present(self) -> list[str]:
        """Return the cells that are not empty, each once, in the order of the table."""
        return [value for value in self.values if value]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of images.

    Args:
        path: of its file.
        columns: by name, in the order of the table.
        lines: int32 `[R]`, the line of each row in the file, or its number in a sheet.
        notes: a line for each thing that was left out or taken for something else.
    """

    path: Path
    columns: Mapping[str, Column]
    lines: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the file, fit to be shown."""
        return printable(self.path.name)

    def __len__(self) -> int:
        return len(self.lines)

    def named(self, name: str, option: str) -> Column:
        """Return the column that a user names.

        Args:
            name: of the column; upper and lower case, spaces and signs do not matter.
            option: that it was given to, for the error's text.

        Returns:
            The column.

        Raises:
            DataError: there is none, or several.
        """
        if name in self.columns:
            return self.columns[name]
        alike = [own for own in self.columns if loose(own) and loose(own) == loose(name)]
        if len(alike) > 1:
            raise DataError(f"{self.path}: {option} {name} could be {quoted(alike)}; write one of them exactly")
        if not alike:
            close = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.7)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise DataError(f"{self.path}: there is no column {name} ({option}) among {quoted(self.columns)}{meant}")
        return self.columns[alike[0]]

    def has(self, name: str) -> bool:
        """Tell whether there is a column of a name, compared loosely.

        Args:
            name: of the column.
        """
        return name in self.columns or any(loose(own) == loose(name) for own in self.columns if loose(own))


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


def loose(name: str) -> str:
    """Write the name of a column without what is spelled in many ways: "Patient ID" is "patientid".

    Args:
        name: of a column.

    Returns:
        Its letters and digits in lower case.
    """
    return "".join(mark for mark in unicodedata.normalize("NFKC", name).casefold() if mark.isalnum())


def shown(column: Column, cells: Iterable[str]) -> str:
    """Return the first cells of a column for a line of text, but not those of patients.

    Args:
        column: of a table.
        cells: some of its values.
    """
    return "names of patients" if column.private else quoted(list(cells)[:SHOWN])


def counted(count: int, what: str) -> str:
    """Return "1 row" or "2 rows".

    Args:
        count: how many.
        what: one of them.
    """
    return f"{count} {what}{'s' * (count != 1)}"


def quoted(names: Iterable[str]) -> str:
    """Return the first names of columns for a line of text.

    Args:
        names: of columns.
    """
    return shortened([printable(name) for name in names])
