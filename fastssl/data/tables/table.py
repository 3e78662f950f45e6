"""A table of text: named columns, each distinct cell once.

Covers: the record, names of columns compared loosely, cells fit to be shown. Does not cover: files (`read.py`),
what a column means (`find_path.py`, `label_columns.py`).
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from fastssl.data.labels.counts import shortened
from fastssl.errors import DataError
from fastssl.text import printable

from .names import PATIENTS

SHOWN = 3


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
