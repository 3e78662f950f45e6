"""What a table says about each file of a folder.

Covers: rows and files brought together, rows that say the same or contradict each other, what is left over on either
side. Does not cover: finding columns and what their cells mean (modules of their own), dividing what has no splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.labels.values import UNLABELLED, LabelProblem
from fastssl.data.layout.split_names import TRAIN
from fastssl.data.source import Task

from .find_path import find_path_column
from .label_columns import find_label_columns
from .label_meaning import RowLabels, read_row_labels
from .notes import fold_note, found_note, left_over_notes, split_note
from .options import TableOptions
from .pairs import Pairs, agreed_rows, pairs_of
from .paths import Beginnings
from .splits import find_group_column, find_split_column, is_lesion, read_splits
from .table import Column, Table

LEFT_OUT = ""
"""The split of a file whose row names none, in a table of splits."""


@dataclass(frozen=True, kw_only=True)
class TableMatch:
    """What a table says about N files.

    Args:
        in_table: bool `[N]`: the file has a row.
        labels: int64 `[N]` class indices, -1 without one, or `[N, L]` of 0, 1 and -1 (not known); None where the table
            has none that can be used.
        task: in MedMNIST's words; "none" without labels.
        class_names: by index or column.
        splits: "train", "val", "test" or `LEFT_OUT` for each file, "train" for files without a row; None where the
            table has no column of splits.
        groups: the patient of each file as the table writes it, which must not be shown; "" where it is not known;
            None where the table has no column of patients.
        group_column: the name of that column; "" where there is none.
        group_is_named: it was asked for by name.
        label_problem: why the table's labels cannot be used, in one line; "" if nothing is wrong.
        notes: a line for each thing that was found, left out, or taken for something else.
    """

    in_table: np.ndarray
    labels: np.ndarray | None
    task: Task
    class_names: tuple[str, ...]
    splits: tuple[str, ...] | None
    groups: tuple[str, ...] | None
    group_column: str
    group_is_named: bool
    label_problem: str
    notes: tuple[str, ...]


def match_table(
    table: Table, options: TableOptions, files: Sequence[str], root: Path, others: Sequence[Path] = ()
) -> TableMatch:
    """Bring the rows of a table and the files of a folder together.

    Args:
        table: as `read_table` returns it.
        options: the columns that a user names, and what uncertain findings become.
        files: N paths relative to `root`; of a file with several frames each frame has what its file has.
        root: the folder.
        others: folders besides `root` and the table's own that its paths may begin in.

    Returns:
        What it says about each file. Labels that cannot be used are no error, but the match's `label_problem`.

    Raises:
        DataError: no row names a file, rows contradict each other, a path could be several files, a named column is
            not there, or splits are others than train, val and test.
    """
    groups = find_group_column(table, options.group_column)
    splits = find_split_column(table, options.split_column, options.label_columns)
    paths = find_path_column(table, options.path_column, files, Beginnings(root, [*others, table.path.parent]))
    pairs = pairs_of(paths.column, paths.match)
    in_table = np.zeros(len(files), dtype=bool)
    in_table[pairs.files] = True
    used = [own.name for own in (paths.column, splits, groups) if own is not None]
    own = _read_labels(table, options, used, np.unique(pairs.rows))
    labels = None if own.found is None else _labels_of_files(own, pairs, table, files)
    split_of = None if splits is None else _splits_of_files(splits, pairs, table, files, in_table)
    found = {
        "files": [paths.column.name],
        "labels": own.names,
        "splits": [splits.name] if splits else [],
        "lesions" if groups and is_lesion(groups) else "patients": [groups.name] if groups else [],
    }
    fate = ", taken as unlabelled training images" if split_of else ", taken as unlabelled" if own.found else ""
    return TableMatch(
        in_table=in_table,
        labels=labels,
        task=own.found.task if own.found else "none",
        class_names=own.found.class_names if own.found else (),
        splits=split_of,
        groups=None if groups is None else _groups_of_files(groups, pairs, table, files),
        group_column=groups.name if groups else "",
        group_is_named=options.group_column is not None,
        label_problem=own.problem,
        notes=(
            *table.notes,
            found_note(table, found),
            *own.notes,
            *fold_note(table, used),
            *left_over_notes(table, paths.column, pairs, files, in_table, fate),
            *(split_note(table, splits, split_of.count(LEFT_OUT)) if splits and split_of else ()),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _LabelsOfRows:
    """The labels of some rows of a table, or the problem with them."""

    rows: np.ndarray
    names: list[str]
    found: RowLabels | None = None
    problem: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        return self.found.notes if self.found else (f"labels are not used: {self.problem}",) if self.problem else ()


def _read_labels(table: Table, options: TableOptions, used: Sequence[str], rows: np.ndarray) -> _LabelsOfRows:
    try:
        columns = find_label_columns(table, options, used)
    except LabelProblem as problem:
        return _LabelsOfRows(rows=rows, names=[], problem=str(problem))
    if columns is None:
        return _LabelsOfRows(rows=rows, names=[])
    try:
        found = read_row_labels(columns, rows, options.uncertain)
    except LabelProblem as problem:
        return _LabelsOfRows(rows=rows, names=columns.names, problem=f"{table.name}: {problem}")
    return _LabelsOfRows(rows=rows, names=columns.names, found=found)


def _labels_of_files(own: _LabelsOfRows, pairs: Pairs, table: Table, files: Sequence[str]) -> np.ndarray:
    """`[N]` or `[N, L]`; -1 for files whose rows have none."""
    found = own.found.labels if own.found else np.zeros(0, dtype=np.int64)
    place = np.full(len(table), -1, dtype=np.int64)
    place[own.rows] = np.arange(len(own.rows))
    said = np.full(len(table), -1, dtype=np.int64)
    said[own.rows] = _codes(found, distinct=pairs.is_one_to_one)
    rows = agreed_rows(said, "labels", pairs, table, files)
    labels = np.full((len(files), *found.shape[1:]), UNLABELLED, dtype=np.int64)
    labels[rows >= 0] = found[place[rows[rows >= 0]]]
    return labels


def _codes(labels: np.ndarray, distinct: bool) -> np.ndarray:
    """A number for each row of labels, equal for equal ones unless none has to be compared; -1 for no label."""
    if labels.ndim == 1:
        return labels
    codes = np.arange(len(labels)) if distinct else np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
    return np.where((labels == UNLABELLED).all(axis=1), -1, codes)


def _splits_of_files(
    column: Column, pairs: Pairs, table: Table, files: Sequence[str], in_table: np.ndarray
) -> tuple[str, ...]:
    own = read_splits(column, str(table.path))
    names, codes = np.unique(own.astype(np.str_), return_inverse=True)
    codes = np.where(names[codes] == LEFT_OUT, -1, codes.reshape(-1))
    rows = agreed_rows(codes, "splits", pairs, table, files)
    found = np.where(in_table, LEFT_OUT, TRAIN).astype(object)
    found[rows >= 0] = own[rows[rows >= 0]]
    return tuple(found.tolist())


def _groups_of_files(column: Column, pairs: Pairs, table: Table, files: Sequence[str]) -> tuple[str, ...]:
    rows = agreed_rows(np.where(column.blank, -1, column.codes), "patients", pairs, table, files)
    found = np.full(len(files), "", dtype=object)
    found[rows >= 0] = column.cells(rows[rows >= 0])
    return tuple(found.tolist())
