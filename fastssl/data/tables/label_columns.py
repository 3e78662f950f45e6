"""The columns of labels.

Covers: those that a user names, one that is called like a label, columns of findings side by side. Does not cover: what
their cells mean (`findings.py`, `label_meaning.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.data.labels.values import LabelProblem

from .findings import is_finding
from .names import LABELS, NO_FINDINGS
from .options import TableOptions
from .table import Column, Table, loose, quoted

OPTION = "--label-column"
NONE = "none"
"""As a column's name: no column, unless one is called that."""


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """Where the labels are.

    Args:
        classes: the column of a class, or of several labels in one cell; None where findings have columns of their own.
        findings: one column for each; empty where there are classes.
        context: all columns that look like findings.
    """

    classes: Column | None = None
    findings: tuple[Column, ...] = ()
    context: tuple[Column, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of all of them."""
        return [column.name for column in (*([self.classes] if self.classes else []), *self.findings)]


def find_label_columns(table: Table, options: TableOptions, used: Collection[str]) -> LabelColumns | None:
    """Find the columns of labels.

    Args:
        table: the table.
        options: the columns that a user names.
        used: names of columns that mean something else.

    Returns:
        The columns; None where the user wants none.

    Raises:
        DataError: a named column is not there.
        LabelProblem: none is clearly that of labels.
    """
    looks = tuple(own for own in table.columns.values() if own.name not in used and _looks_like_finding(own))
    if given := options.label_columns:
        if len(given) == 1 and given[0] == NONE and not table.has(NONE):
            return None
        named = tuple(table.named(name, OPTION) for name in given)
        context = tuple({column.name: column for column in (*looks, *named)}.values())
        if len(named) > 1 or (named[0] in looks and len(looks) > 1):
            return LabelColumns(findings=named, context=context)
        return LabelColumns(classes=named[0])
    free = [column for name, column in table.columns.items() if name not in used]
    single = [column for column in free if loose(column.name) in LABELS and column.present()]
    if single:
        return LabelColumns(classes=_one_of(single, table))
    if len(looks) > 1:
        return LabelColumns(findings=looks, context=looks)
    raise LabelProblem(
        f"{table.name}: no column is clearly that of labels ({quoted(_shown(free))}); name it by {OPTION}"
    )


def _shown(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns] or ["no column is left"]


def _looks_like_finding(column: Column) -> bool:
    name = loose(column.name)
    return name not in NO_FINDINGS and not name.isdigit() and is_finding(column)


def _one_of(columns: Sequence[Column], table: Table) -> Column:
    """The column of labels among those that are called so: the names, where others are only numbers of them."""
    best = min(columns, key=lambda column: (_are_numbers(column), LABELS.index(loose(column.name))))
    if others := [column.name for column in columns if not _say_the_same(column, best)]:
        raise LabelProblem(f"{table.name}: labels could be {quoted([best.name, *others])}; name one by {OPTION}")
    return best


def _are_numbers(column: Column) -> bool:
    return all(value.replace(".", "", 1).lstrip("-").isdigit() for value in column.present())


def _say_the_same(one: Column, other: Column) -> bool:
    """Whether each value of one goes with a single value of the other."""
    pairs = len(np.unique(np.stack([one.codes, other.codes]), axis=1).T)
    return pairs == len(np.unique(one.codes)) == len(np.unique(other.codes))
