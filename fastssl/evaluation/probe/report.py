"""What a probe found, and how it is shown: terminal table, CSV, JSON.

Covers: the result types, their tables, and writing them. Does not cover: computing them (`run.py`), how any report
looks (`fastssl.evaluation.shared.report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import nan
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fastssl.console import new_console, say
from fastssl.evaluation.shared.detail import MetricDetail
from fastssl.evaluation.shared.detail_table import DetailRow, class_cells, class_line, detail_cells, detail_table
from fastssl.evaluation.shared.report import flat_row, number_cell, write_report
from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_notes,
    show_table,
)

FULL_WIDTH = 96
"""Columns of text that the table takes with its lines."""
TRAINED = "trained"
"""What the features of the probed run are called."""


@dataclass(frozen=True, kw_only=True)
class ProbeRow:
    """One line of the table: which features, which classifier, and its results on the validation and test parts.

    Attributes:
        features: "trained", "random init", "raw pixels" or "published ResNet-18".
        classifier: "linear", "kNN" or "end to end".
        auc: area under the ROC curve, 0 to 1; nan where it is undefined.
        acc: accuracy, 0 to 1.
        val_auc: AUC on the validation part, by what was solved on the training part; nan where it is not known.
        val_acc: accuracy, likewise.
        setting: what was chosen, such as "l2 1.0e-02" or "k 68".
        dim: features per image; None where that is not known.
        n_train: images that the classifier was solved on.
        detail: more of the test part's results; None of published ones.
        note: what to know of this row.
    """

    features: str
    classifier: str
    auc: float
    acc: float
    val_auc: float = nan
    val_acc: float = nan
    setting: str = ""
    dim: int | None = None
    n_train: int | None = None
    detail: MetricDetail | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """A probe's rows and what they were measured on.

    Attributes:
        encoder: timm's name of the encoder.
        data: name of the data set.
        task: one of MedMNIST's task kinds.
        size: side in pixels that images were seen at.
        n_train: images to train on.
        n_val: images to choose by.
        n_test: images scored.
        rows: the results.
        class_names: by class index, as far as they are known.
        notes: what to know of them.
        folder: where probe.json, probe.csv and probe-classes.csv lie.
        command: the command line that measures them.
    """

    encoder: str
    data: str
    task: str
    size: int
    n_train: int
    n_val: int
    n_test: int
    rows: tuple[ProbeRow, ...]
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str = ""
    command: str = ""

    def row(self, features: str, classifier: str = "linear") -> ProbeRow:
        """Return the row of these features and this classifier.

        Args:
            features: as in `ProbeRow.features`.
            classifier: as in `ProbeRow.classifier`.

        Returns:
            Their scores.

        Raises:
            KeyError: it was not measured.
        """
        for row in self.rows:
            if (row.features, row.classifier) == (features, classifier):
                return row
        raise KeyError(f"no row {features!r}, {classifier!r}")

    def print(self, console: Console | None = None) -> None:
        """Show the tables, the trained encoder's results per class, and the notes.

        Args:
            console: where they go; standard output by default. Lines are ASCII where it is no terminal.
        """
        console = console or new_console()
        show_table(console, partial(probe_table, self), FULL_WIDTH)
        detailed = [row for row in self.rows if row.detail is not None]
        if detailed:
            show_table(console, partial(probe_detail_table, detailed), FULL_WIDTH)
        for row in detailed:
            if row.features == TRAINED and row.detail is not None:
                say(console, class_line(f"{row.features}, {row.classifier}", row.detail, self.class_names, self.task))
        print_notes(console, self.notes)


def probe_table(result: ProbeResult, style: TableStyle) -> Table:
    """Return the rows as a table, without the last column where it is narrow.

    Args:
        result: with the rows.
        style: how the table is drawn.
    """
    parts = f"{result.n_train} train, {result.n_val} val, {result.n_test} test"
    table = new_table(style, f"{result.data}, {result.size} px, {result.encoder} ({parts})")
    add_name_column(table, "features")
    table.add_column("classifier", min_width=len("end to end"))
    add_number_columns(table, ("val AUC", "val ACC", "test AUC", "test ACC"))
    table.add_column("chosen", no_wrap=True)
    add_number_columns(table, () if style.narrow else ("n train",))
    for row in result.rows:
        count = [] if style.narrow else ["" if row.n_train is None else str(row.n_train)]
        numbers = map(number_cell, (row.val_auc, row.val_acc, row.auc, row.acc))
        cells = (row.features, row.classifier, *numbers, row.setting, *count)
        add_row(table, style, cells, bold=row.features == TRAINED)
    return table


def probe_detail_table(rows: Sequence[ProbeRow], style: TableStyle) -> Table:
    """Return what more is known of the rows' test scores as a table.

    Args:
        rows: with details, at least one.
        style: how the table is drawn.
    """
    lines = [
        DetailRow(names=(row.features, row.classifier), detail=row.detail, bold=row.features == TRAINED)
        for row in rows
        if row.detail is not None
    ]
    return detail_table(lines, style, headings=("features", "classifier"), title="the test scores in detail")


def write_probe_report(result: ProbeResult, folder: Path) -> None:
    """Write `probe.json` (all of it, nan as null), `probe.csv` (the rows) and `probe-classes.csv` (results per class).

    Args:
        result: what was found.
        folder: made if it is not there.

    Raises:
        OSError: a file cannot be written.
    """
    keys = ("features", "classifier")
    classes = [
        cells
        for row in result.rows
        if row.detail is not None
        for cells in class_cells({key: getattr(row, key) for key in keys}, row.detail, result.class_names)
    ]
    rows = [flat_row(row, left_out=("detail",)) | detail_cells(row.detail) for row in result.rows]
    write_report(folder, "probe", asdict(result), {"": rows, "-classes": classes})
