"""Columns of findings: 1 where an image has one, 0 where it has not, -1 where that is uncertain.

Covers: the words that mean these, policies for uncertain ones (U-Ignore, U-Zeros, U-Ones of CheXpert, Irvin et al.
2019), blanks, one column for each class. Does not cover: which columns these are (`label_columns.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.data.labels.counts import shortened
from fastssl.data.labels.values import UNLABELLED, LabelProblem
from fastssl.text import printable

from .options import Uncertain
from .table import Column, counted

BLANK, UNCERTAIN = -2, -1
_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "t", "positive", "pos", "present", "x"), 1),
    **dict.fromkeys(("false", "no", "n", "f", "negative", "neg", "absent"), 0),
    **dict.fromkeys(("uncertain", "unsure"), UNCERTAIN),
    "": BLANK,
}


@dataclass(frozen=True, kw_only=True)
class FindingLabels:
    """What columns of findings say.

    Args:
        labels: int64 `[M, L]` of 0, 1 and -1 (not known).
        names: of the columns.
        notes: a line for each thing that was taken for something else.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...]


def meaning_of(cell: str) -> int | None:
    """Read a cell of a finding.

    Args:
        cell: such as "1.0", "negative" or "".

    Returns:
        1, 0, `UNCERTAIN` or `BLANK`; None for anything else.
    """
    known = _WORDS.get(cell.lower())
    if known is not None:
        return known
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number in (-1, 0, 1) else None


def is_finding(column: Column) -> bool:
    """Tell whether all cells of a column are those of a finding, and some are not empty.

    Args:
        column: of a table.
    """
    return len(column.values) < 20 and bool(column.present()) and all(meaning_of(v) is not None for v in column.values)


def read_findings(
    columns: Sequence[Column], rows: np.ndarray, uncertain: Uncertain, context: Sequence[Column]
) -> FindingLabels:
    """Read the findings of some rows.

    A blank is 0, as CheXpert's "not mentioned" is in its baselines; where all findings of a row are blank, nothing is
    known of it.

    Args:
        columns: L of them.
        rows: int `[M]`, of the table.
        uncertain: what -1 becomes: -1 (the label is not known), 0 or 1.
        context: columns whose blanks together say that nothing is known of a row.

    Returns:
        The labels.

    Raises:
        LabelProblem: a cell means nothing.
    """
    raw = np.stack([_numbers(column)[column.codes[rows]] for column in columns], axis=1)
    nothing = np.all([column.blank[rows] for column in context or columns], axis=0)
    value = {"leave-out": UNLABELLED, "zeros": 0, "ones": 1}[uncertain]
    labels = np.where(raw == UNCERTAIN, value, np.where(raw == BLANK, 0, raw))
    labels[nothing] = UNLABELLED
    names = tuple(printable(column.name) for column in columns)
    notes = []
    unsure = (raw == UNCERTAIN).sum(axis=0)
    if unsure.any():
        each = shortened([f"{name} {count}" for name, count in zip(names, unsure.tolist(), strict=True) if count])
        taken = "left out of evaluations" if uncertain == "leave-out" else f"taken as {value}"
        notes.append(f"uncertain: {each}; {taken} (--uncertain {uncertain})")
    if blanks := int((raw[~nothing] == BLANK).sum()):
        notes.append(f"{counted(blanks, 'empty cell')} of findings taken as 0")
    if nothing.any():
        notes.append(f"{counted(int(nothing.sum()), 'row')} with no finding filled in, taken as unlabelled")
    return FindingLabels(labels=labels.astype(np.int64), names=names, notes=tuple(notes))


def are_one_hot(columns: Sequence[Column]) -> bool:
    """Tell whether each row of a table has exactly one 1 and else 0, or is empty, as if each column were a class.

    Args:
        columns: of findings.
    """
    raw = np.stack([_numbers(column)[column.codes] for column in columns], axis=1)
    filled = raw[(raw != BLANK).any(axis=1)]
    return raw.shape[1] > 1 and bool((filled >= 0).all() and (filled.sum(axis=1) == 1).all())


def _numbers(column: Column) -> np.ndarray:
    """What each distinct cell means."""
    meant = [meaning_of(value) for value in column.values]
    if odd := [value for value, number in zip(column.values, meant, strict=True) if number is None]:
        raise LabelProblem(
            f"column {printable(column.name)} holds {shortened([printable(value) for value in odd[:4]])}; findings are "
            "0, 1, -1 (uncertain) or empty"
        )
    return np.array(meant, dtype=np.int64)
