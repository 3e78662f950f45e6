"""What a benchmark found, and how it is shown: terminal tables, JSON, CSV.

Covers: the result, its tables and its files. Does not cover: computing it (`summary.py`), what all evaluations' reports
share (`fastssl.evaluation.shared.report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fastssl.console import new_console
from fastssl.evaluation.shared.report import mean_cell, write_report
from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_notes,
    show_table,
)

from .summary import BenchmarkRow

FULL_WIDTH = 100
"""Columns of text that the widest table takes with its lines."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkData:
    """A set that was scored.

    Attributes:
        flag: MedMNIST's name of it.
        size: side of its images, in pixels.
        task: kind of labels, as MedMNIST names it.
        n_train: training images.
        n_val: validation images.
        n_test: test images.
        official: whether these are MedMNIST's own splits, by their numbers of images.
    """

    flag: str
    size: int
    task: str
    n_train: int
    n_val: int
    n_test: int
    official: bool


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """Result of `fastssl.benchmark`.

    Attributes:
        name: of the benchmark.
        data: the sets, smaller images first.
        rows: set by set: each encoder and classifier, then published results.
        means: over the sets, size by size, then the published ones.
        seeds: of the linear classifiers.
        recipe: settings of the linear classifiers.
        neighbours: that vote.
        notes: what a reader should know.
        folder: where benchmark.json, benchmark.csv and benchmark-means.csv lie.
    """

    name: str
    data: tuple[BenchmarkData, ...]
    rows: tuple[BenchmarkRow, ...]
    means: tuple[BenchmarkRow, ...]
    seeds: tuple[int, ...]
    recipe: dict[str, Any]
    neighbours: int
    notes: tuple[str, ...]
    folder: str

    def row(self, data: str, encoder: str, classifier: str, size: int = 28) -> BenchmarkRow:
        """Return the row of an encoder.

        Args:
            data: MedMNIST's flag, or "mean".
            encoder: its label.
            classifier: "kNN", "linear" or "end to end".
            size: side of the set's images, in pixels.

        Returns:
            Its scores.

        Raises:
            KeyError: it was not measured.
        """
        for row in (*self.rows, *self.means):
            if (row.data, row.encoder, row.classifier, row.size) == (data, encoder, classifier, size):
                return row
        raise KeyError(f"no row {data!r}, {encoder!r}, {classifier!r}, {size} px")

    def print(self, console: Console | None = None) -> None:
        """Show a table for every flag, one of the means, and the notes.

        Args:
            console: where they go; standard output by default. Lines are ASCII where it is no terminal.
        """
        console = console or new_console()
        for flag in dict.fromkeys(one.flag for one in self.data):
            first = next(one for one in self.data if one.flag == flag)
            parts = f"{first.n_train} train, {first.n_val} val, {first.n_test} test"
            rows = [row for row in self.rows if row.data == flag]
            show_table(console, partial(set_table, rows, f"{flag} ({parts}), in %"), FULL_WIDTH)
        if len({one.flag for one in self.data}) > 1:
            show_table(console, partial(mean_table, self.means), FULL_WIDTH)
        print_notes(console, self.notes)


def set_table(rows: Sequence[BenchmarkRow], title: str, style: TableStyle) -> Table:
    """Return the rows of a flag as a table, what was measured in bold.

    Args:
        rows: of all sizes.
        title: of the table.
        style: how it is drawn.
    """
    return _table(rows, title, style, last="images", cell=lambda row: row.input)


def mean_table(rows: Sequence[BenchmarkRow], style: TableStyle) -> Table:
    """Return the means over sets as a table, what was measured in bold.

    Args:
        rows: of all sizes.
        style: how it is drawn.
    """
    return _table(rows, "mean over the sets, in %", style, last="sets", cell=lambda row: str(row.sets))


def _table(rows: Sequence[BenchmarkRow], title: str, style: TableStyle, *, last: str, cell: Any) -> Table:
    table = new_table(style, title)
    add_number_columns(table, ("px",))
    add_name_column(table, "encoder")
    table.add_column("classifier", min_width=len("end to end"))
    add_number_columns(table, ("test AUC", "test ACC"))
    table.add_column(last, no_wrap=True)
    for row in rows:
        scores = (
            mean_cell(mean, deviation, digits=2, scale=100)
            for mean, deviation in ((row.auc, row.auc_std), (row.acc, row.acc_std))
        )
        cells = (str(row.size), row.encoder, row.classifier, *scores, cell(row))
        add_row(table, style, cells, bold=row.origin == "measured")
    return table


def write_benchmark_report(result: BenchmarkResult, folder: Path) -> None:
    """Write `benchmark.json` (all of it, nan as null), `benchmark.csv` (the rows) and `benchmark-means.csv`.

    Args:
        result: what was found.
        folder: made if it is not there.

    Raises:
        OSError: a file cannot be written.
    """
    tables = {"": [_flat(row) for row in result.rows], "-means": [_flat(row) for row in result.means]}
    write_report(folder, "benchmark", asdict(result), tables)


def _flat(row: BenchmarkRow) -> dict[str, Any]:
    """The row as cells: a seed's numbers are in the JSON file."""
    return {name: value for name, value in asdict(row).items() if not name.endswith("_by_seed")}
