"""Splits and patients that a table names.

Covers: finding their columns, the words that mean train, val and test. Does not cover: the words themselves
(`fastssl.data.layout.split_names`), dividing what has no splits, pseudonyms (`fastssl.data.patients`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from fastssl.data.layout.split_names import EVALUATION, TEST, VAL, split_name
from fastssl.errors import DataError
from fastssl.text import printable

from .names import FIRM_SPLITS, LESIONS, PATIENTS, SPLITS
from .table import Column, Table, loose, quoted, shown

SPLIT_OPTION, GROUP_OPTION = "--split-column", "--group"
NONE = "none"
"""As a column's name: no column, unless one is called that."""


def find_split_column(table: Table, given: str | None, used: Collection[str] = ()) -> Column | None:
    """Find the column of splits.

    Args:
        table: the table.
        given: name of the column, "none" for none; None: found.
        used: names of columns that mean something else.

    Returns:
        The column; None where there is none.

    Raises:
        DataError: the named column is not there, several could be it, or one that is called split holds other words.
    """
    if given == NONE and not table.has(NONE):
        return None
    if given is not None:
        return table.named(given, SPLIT_OPTION)
    called = [own for own in table.columns.values() if own.name not in used and loose(own.name) in SPLITS]
    fitting = [column for column in called if column.present() and all(map(_split_of, column.present()))]
    said = [read_splits(column, str(table.path)) for column in fitting]
    if any((own != said[0]).any() for own in said):
        names = quoted([column.name for column in fitting])
        raise DataError(f"{table.path}: splits could be in {names}; name one by {SPLIT_OPTION}")
    if fitting:
        return fitting[0]
    firm = [column for column in called if loose(column.name) in FIRM_SPLITS and column.present()]
    if firm:
        odd = [cell for cell in firm[0].present() if not _split_of(cell)]
        raise DataError(
            f"{table.path}: column {printable(firm[0].name)} holds {shown(firm[0], odd)}, which are not "
            f"train, val and test; write these, name another column, or leave it out by {SPLIT_OPTION} {NONE}"
        )
    return None


def read_splits(column: Column, where: str) -> np.ndarray:
    """Read the splits of all rows.

    Args:
        column: of splits.
        where: the table, for errors.

    Returns:
        `[R]` of str: "train", "val" or "test"; "" for an empty cell.

    Raises:
        DataError: a cell is none of them.
    """
    meant = {value: _split_of(value) for value in column.present()}
    if odd := [value for value, split in meant.items() if not split]:
        raise DataError(
            f"{where}: column {printable(column.name)} holds {shown(column, odd)}, which are not train, val or test; "
            f"write these, or leave the column out by {SPLIT_OPTION} {NONE}"
        )
    splits = set(meant.values())
    evaluation = VAL if TEST in splits else TEST
    named = ["" if not value else meant[value].replace(EVALUATION, evaluation) for value in column.values]
    return np.array(named, dtype=object)[column.codes]


def find_group_column(table: Table, given: str | None) -> Column | None:
    """Find the column of patients, or else of lesions.

    Args:
        table: the table.
        given: name of the column; None: found.

    Returns:
        The column; None where there is none.

    Raises:
        DataError: the named column is not there, or several columns have the likeliest name.
    """
    if given is not None:
        return table.named(given, GROUP_OPTION)
    for name in (*PATIENTS, *LESIONS):
        called = [own for own in table.columns.values() if loose(own.name) == name and own.present()]
        if len(called) > 1:
            names = quoted([column.name for column in called])
            raise DataError(f"{table.path}: patients could be in {names}; name one by {GROUP_OPTION}")
        if called:
            return called[0]
    return None


def is_lesion(column: Column) -> bool:
    """Tell whether a column of groups is one of lesions, which says less than one of patients.

    Args:
        column: of groups.
    """
    return loose(column.name) in LESIONS


def _split_of(cell: str) -> str:
    """The split that a cell means; "" for none."""
    found = split_name(cell)
    return found.split if found is not None and found.plain else ""
