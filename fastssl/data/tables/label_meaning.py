"""What the labels of rows mean.

Covers: classes by name or number, several labels in one cell, findings, one column for each class. Does not cover:
which columns these are (`label_columns.py`), which images the rows are (`match.py`).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.data.labels.counts import shortened
from fastssl.data.labels.meaning import classes_by_value
from fastssl.data.labels.values import UNLABELLED, LabelProblem, numbers_of_text, read_values, without_marks
from fastssl.data.source import Task
from fastssl.text import printable
from fastssl.text import shortened as shortened_text

from .findings import are_one_hot, read_findings
from .label_columns import LabelColumns
from .names import NOTHING_FOUND
from .options import Uncertain
from .table import Column, loose

_MULTI_LABEL: Task = "multi-label, binary-class"
_ROWS = "rows"
LONGEST_NAME = 100
"""Characters of a class's name."""


@dataclass(frozen=True, kw_only=True)
class RowLabels:
    """The labels of rows.

    Args:
        labels: int64 `[M]` class indices, -1 without one, or `[M, L]` of 0, 1 and -1.
        task: in MedMNIST's words.
        class_names: by index or column.
        notes: a line for each thing that was taken for something else.
    """

    labels: np.ndarray
    task: Task
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def read_row_labels(columns: LabelColumns, rows: np.ndarray, uncertain: Uncertain) -> RowLabels:
    """Read the labels of some rows.

    Args:
        columns: where they are.
        rows: int `[M]`, of the table.
        uncertain: what -1 means in columns of findings.

    Returns:
        The labels.

    Raises:
        LabelProblem: they cannot be used, in one line that says why.
    """
    if columns.classes is not None:
        return _read_classes(columns.classes, rows)
    found = read_findings(columns.findings, rows, uncertain, columns.context)
    if found.labels.shape[1] == 1:
        name = found.names[0]
        names = (f"no {name}", name)
        return RowLabels(labels=found.labels[:, 0], task="binary-class", class_names=names, notes=found.notes)
    if not are_one_hot(columns.findings):
        return RowLabels(labels=found.labels, task=_MULTI_LABEL, class_names=found.names, notes=found.notes)
    return _one_hot(found.labels, found.names, found.notes)


def _one_hot(labels: np.ndarray, names: Sequence[str], notes: Sequence[str]) -> RowLabels:
    """A class for each column that an image is of."""
    some = (labels == 1).any(axis=0)
    classes = tuple(name for name, here in zip(names, some, strict=True) if here)
    if len(classes) < 2:
        raise LabelProblem(f"every label is {classes[0]}: there is nothing to tell apart")
    indices = np.where((labels == 1).any(axis=1), labels[:, some].argmax(axis=1), UNLABELLED)
    said = [f"one-hot columns: each image is of one of {len(classes)} classes"]
    if len(classes) < len(names):
        said.append(f"no image is of {shortened([name for name in names if name not in classes])}: no class")
    task: Task = "binary-class" if len(classes) == 2 else "multi-class"
    return RowLabels(labels=indices, task=task, class_names=classes, notes=(*notes, *said))


def _read_classes(column: Column, rows: np.ndarray) -> RowLabels:
    """By value, or several in a cell where cells have bars, semicolons or are lists."""
    codes = column.codes[rows]
    used = np.unique(codes)
    where = f"column {printable(column.name)}"
    labels = f"labels in {where}"
    if not any(column.values[code] for code in used):
        raise LabelProblem(f"{where} is empty in all rows that have an image")
    if taken_apart := _several([column.values[code] for code in used]):
        _check_lengths([name for cell in taken_apart for name in cell], where)
        return _multi_label(taken_apart, np.searchsorted(used, codes))
    _check_cells([column.values[code] for code in used], where)
    text = np.array([column.values[code] for code in used], dtype=np.str_)[np.searchsorted(used, codes)]
    values = without_marks(numbers_of_text({_ROWS: read_values(text, len(text), labels)}, labels))
    if values[_ROWS].missing.all():
        raise LabelProblem(f"{where} says of every image that it has no label")
    found = classes_by_value(values)
    names = tuple(map(printable, found.class_names))
    return RowLabels(labels=found.by_split[_ROWS], task=found.task, class_names=names, notes=found.notes)


def _check_cells(cells: Sequence[str], where: str) -> None:
    """Refuse what is written for people to read, and one name in two spellings."""
    _check_lengths(cells, where)
    spelled = defaultdict(list)
    for cell in cells:
        spelled[" ".join(cell.casefold().split())].append(cell)
    if twice := next((names for names in spelled.values() if len(names) > 1), None):
        raise LabelProblem(
            f"{where} holds {' and '.join(map(printable, sorted(twice)[:2]))}, which differ in upper and lower case or "
            "spaces alone; write one of them"
        )


def _check_lengths(names: Sequence[str], where: str) -> None:
    if longest := next((name for name in names if len(name) > LONGEST_NAME), None):
        raise LabelProblem(f"{where} holds long text ({shortened_text(printable(longest), 40)}), not names of classes")


def _several(cells: Sequence[str]) -> list[list[str]] | None:
    """The labels of each cell, where some cells hold more than one; None where all hold one."""
    if any(cell.startswith("[") and cell.endswith("]") for cell in cells):
        return [_listed(cell) for cell in cells]
    sign = next((sign for sign in "|;" if any(sign in cell for cell in cells)), None)
    return None if sign is None else [[own for part in cell.split(sign) if (own := part.strip())] for cell in cells]


def _listed(cell: str) -> list[str]:
    """The labels of a list as Python or JSON writes it, or without quotes."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return [cell] if cell else []
    try:
        found = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = re.split(r"[,;|]", cell[1:-1])
    return [text for item in found if (text := str(item).strip().strip("'\""))]


def _multi_label(cells: Sequence[Sequence[str]], codes: np.ndarray) -> RowLabels:
    """A label for each name that occurs, but for the one that says that there is nothing."""
    every = sorted({name for cell in cells for name in cell})
    names = [name for name in every if loose(name) not in NOTHING_FOUND]
    if not names:
        raise LabelProblem(f"every label is {every[0] if every else 'empty'}: there is nothing to tell apart")
    place = {name: index for index, name in enumerate(names)}
    table = np.zeros((len(cells), len(names)), dtype=np.int64)
    for row, cell in enumerate(cells):
        table[row, [place[name] for name in cell if name in place]] = 1
        table[row] = table[row] if cell else UNLABELLED
    notes = [f"several labels in a cell: {len(names)} labels"]
    if nothing := [name for name in every if name not in place]:
        notes.append(f"{printable(nothing[0])} means none of the {len(names)} labels")
    return RowLabels(
        labels=table[codes], task=_MULTI_LABEL, class_names=tuple(map(printable, names)), notes=tuple(notes)
    )
