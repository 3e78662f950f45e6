"""What is said of a table and a folder: which columns were used, and what is left over on either side.

Covers: one line for each. Does not cover: what cells mean (`findings.py`, `label_meaning.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fastssl.data.layout.walk import some
from fastssl.text import printable

from .names import FOLDS
from .pairs import Pairs
from .table import Column, Table, counted, loose, quoted


def found_note(table: Table, columns: Mapping[str, Sequence[str]]) -> str:
    """Say which columns mean what.

    Args:
        table: the table.
        columns: what they mean -> names of the columns; those without any are left out.
    """
    return f"{table.name}: " + ", ".join(f"{what} by {quoted(names)}" for what, names in columns.items() if names)


def left_over_notes(
    table: Table, column: Column, pairs: Pairs, files: Sequence[str], in_table: np.ndarray, fate: str
) -> list[str]:
    """Count and name rows without a file and files without a row.

    Args:
        table: the table.
        column: of paths.
        pairs: rows and files.
        files: N paths.
        in_table: bool `[N]`: the file has a row.
        fate: what becomes of files without a row.

    Returns:
        A line for each kind, or none.
    """
    alone = np.ones(len(table), dtype=bool)
    alone[pairs.rows] = False
    nameless = alone & column.blank
    lost = np.flatnonzero(alone & ~column.blank)
    notes = []
    if nameless.any():
        line = table.lines[np.flatnonzero(nameless)[0]]
        notes.append(f"{counted(int(nameless.sum()), 'row')} without a path in {table.name} (line {line})")
    if len(lost):
        lost_names = "names of patients" if column.private else some([str(cell) for cell in column.cells(lost[:4])])
        notes.append(f"{len(lost)} of {len(table)} rows of {table.name} {_have(lost)} no file ({lost_names})")
    without = np.flatnonzero(~in_table)
    if len(without):
        names = [files[index] for index in without[:4]]
        notes.append(
            f"{len(without)} of {len(files)} images {_have(without)} no row in {table.name}{fate} ({some(names)})"
        )
    return notes


def _have(some_of_them: np.ndarray) -> str:
    return "has" if len(some_of_them) == 1 else "have"


def fold_note(table: Table, used: Sequence[str]) -> list[str]:
    """Say that numbers of folds are no splits.

    Args:
        table: the table.
        used: names of columns that mean something.

    Returns:
        One line, or none.
    """
    folds = [name for name in table.columns if loose(name) in FOLDS and name not in used]
    return [f"{table.name}: {quoted(folds)} is not used: splits are train, val and test"] if folds else []


def split_note(table: Table, column: Column, left_out: int) -> list[str]:
    """Say how many images are left out because their row names no split.

    Args:
        table: the table.
        column: of splits.
        left_out: their number.

    Returns:
        One line, or none.
    """
    name = printable(column.name)
    return [f"{counted(left_out, 'image')} left out, for which {name} of {table.name} is empty"] if left_out else []
