"""What a fine-tuning comparison found, and how it is shown: terminal tables, JSON, CSV.

Covers: the result, its tables and its files. Does not cover: computing it (`summary.py`), plots (`plots.py`), what all
evaluations' reports share (`fastssl.evaluation.shared.report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fastssl.console import new_console, say
from fastssl.evaluation.shared import report as frame
from fastssl.evaluation.shared.detail_table import DetailRow, class_cells, class_line, detail_table, mean_cells
from fastssl.evaluation.shared.differences import DifferenceRow, differences_table, how_tested
from fastssl.evaluation.shared.report import mean_cell, number_cell
from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_notes,
    show_table,
)

from .label_efficiency import LabelSaving, percent
from .summary import FinetuneComparison, FinetuneRow, FinetuneTrial
from .trial import Epoch

FULL_WIDTH = 76
"""Columns of text that the full table takes."""
GAP = "train, val: accuracy after the last epoch; gap: validation log loss less training log loss, the overfitting gap"


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """Result of `fastssl.finetune`.

    Attributes:
        data: name of the data set.
        task: kind of labels, as MedMNIST names it.
        size: side in pixels that the runs see images at.
        n_train: number of training images.
        n_val: number of validation images.
        n_test: number of test images.
        recipe: settings that all were trained by.
        how: the recipe in one line.
        rows: means over trials, for every encoder and label fraction.
        comparisons: every run against its baselines.
        savings: how many labels every run saves; none unless all labels and fewer were tried.
        published: (test AUC, test accuracy) of MedMNIST's ResNet-18 on the same splits, or None.
        curves: (encoder, label fraction) -> the mean curve over its trials.
        trials: every one of them.
        notes: what a reader should know.
        folder: where the report's files are.
        command: the command line that measures them.
        class_names: by class index, as far as they are known.
    """

    data: str
    task: str
    size: int
    n_train: int
    n_val: int
    n_test: int
    recipe: Mapping[str, Any]
    how: str
    rows: tuple[FinetuneRow, ...]
    comparisons: tuple[FinetuneComparison, ...]
    savings: tuple[LabelSaving, ...]
    published: tuple[float, float] | None
    curves: Mapping[tuple[str, float], tuple[Epoch, ...]]
    trials: tuple[FinetuneTrial, ...]
    notes: tuple[str, ...]
    folder: str
    command: str = ""
    class_names: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool:
        """Whether the classifier alone was trained."""
        return bool(self.recipe["frozen"])

    @property
    def name(self) -> str:
        """What the report's files are called."""
        return "finetune-frozen" if self.frozen else "finetune"

    def row(self, encoder: str, label_fraction: float = 1.0) -> FinetuneRow:
        """Return the row of this encoder on this share of the labels.

        Args:
            encoder: its label.
            label_fraction: the share, up to 1.

        Returns:
            The means over its trials.

        Raises:
            KeyError: it was not measured.
        """
        for row in self.rows:
            if (row.encoder, row.label_fraction) == (encoder, label_fraction):
                return row
        raise KeyError(f"no row {encoder!r}, {label_fraction:g}")

    def print(self, console: Console | None = None) -> None:
        """Show the tables, the savings and the notes; lines are ASCII where the output is not a terminal.

        Args:
            console: where to; standard output by default.
        """
        console = console or new_console()
        show_table(console, partial(results_table, self), FULL_WIDTH)
        if self.comparisons:
            show_table(console, partial(comparison_table, self.comparisons), FULL_WIDTH)
            if self.comparisons[0].test.comparisons:
                say(console, how_tested([one.test for one in self.comparisons]))
        detailed = [row for row in self.rows if row.detail is not None]
        if detailed:
            show_table(console, partial(finetune_detail_table, self, detailed), FULL_WIDTH)
            first = detailed[0]
            if first.detail is not None:
                say(console, class_line(first.encoder, first.detail, self.class_names, self.task))
        say(console, *(saved.text for saved in self.savings))
        print_notes(console, (self.how, *([GAP] if self.frozen else []), *self.notes))


def results_table(result: FinetuneResult, style: TableStyle) -> Table:
    """Return the rows as a table, the runs in bold.

    Args:
        result: of the comparison.
        style: how the table is drawn.
    """
    parts = f"{result.n_train} train, {result.n_val} val, {result.n_test} test"
    how = "frozen" if result.frozen else "fine-tuned"
    table = new_table(style, f"{result.data}, {result.size} px, {how} ({parts})")
    add_name_column(table, "encoder")
    last = ("train", "val", "gap") if result.frozen else ("epoch",)
    add_number_columns(table, ("labels", "test AUC", "test ACC", *last))
    baselines = {comparison.against for comparison in result.comparisons}
    for row in result.rows:
        cells = [_labels(result, row.n_train, row.label_fraction)]
        cells += [mean_cell(row.auc, row.auc_std), mean_cell(row.acc, row.acc_std)]
        if result.frozen:
            cells += [number_cell(row.train_acc), number_cell(row.val_acc), number_cell(row.overfitting_gap, sign="+")]
        else:
            cells.append(f"{row.best_epoch:.0f}")
        add_row(table, style, [row.encoder, *cells], bold=row.encoder not in baselines)
    if result.published is not None:
        cells = [_labels(result, result.n_train, 1), *map(number_cell, result.published)]
        add_row(table, style, ["published ResNet-18", *cells])
    return table


def finetune_detail_table(result: FinetuneResult, rows: Sequence[FinetuneRow], style: TableStyle) -> Table:
    """Return what more is known of the test scores, means over trials.

    Args:
        result: of the comparison.
        rows: with details, at least one.
        style: how the table is drawn.
    """
    lines = [
        DetailRow(names=(row.encoder, _labels(result, row.n_train, row.label_fraction)), detail=row.detail)
        for row in rows
        if row.detail is not None
    ]
    return detail_table(lines, style, headings=("encoder", "labels"), title="test scores in detail, means over trials")


def comparison_table(comparisons: tuple[FinetuneComparison, ...], style: TableStyle) -> Table:
    """Return the differences in test AUC as a table.

    Args:
        comparisons: one or more.
        style: how the table is drawn.
    """
    rows = [
        DifferenceRow(
            encoder=one.encoder,
            against=one.against,
            test=one.test,
            condition=percent(one.label_fraction),
            pairs=one.pairs,
        )
        for one in comparisons
    ]
    return differences_table(
        rows,
        style,
        headings=("encoder", "against"),
        metric="AUC",
        condition="labels",
        digits=3,
        title="differences in test AUC, paired by seed",
    )


def write_report(result: FinetuneResult, folder: Path, plot: bytes) -> None:
    """Write `finetune[-frozen].json` (all), `.csv` (rows), `-classes.csv`, `-pairs.csv` (comparisons) and `.png`.

    Args:
        result: of the comparison.
        folder: made if it is not there.
        plot: a PNG file's content.

    Raises:
        OSError: a file cannot be written.
    """
    content = {field.name: getattr(result, field.name) for field in fields(result)}
    content["curves"] = [
        {"encoder": encoder, "label_fraction": fraction, "epochs": [asdict(epoch) for epoch in epochs]}
        for (encoder, fraction), epochs in result.curves.items()
    ]
    content["trials"] = [_trial_entry(trial) for trial in result.trials]
    for name in ("rows", "savings"):
        content[name] = [asdict(entry) for entry in content[name]]
    content["comparisons"] = [frame.flat_row(one) for one in result.comparisons]
    tables = {
        "": [frame.flat_row(row, left_out=("detail",)) | mean_cells(row.detail) for row in result.rows],
        "-classes": [
            cells
            for row in result.rows
            if row.detail is not None
            for cells in class_cells(
                {"encoder": row.encoder, "label_fraction": row.label_fraction}, row.detail, result.class_names
            )
        ],
        "-pairs": content["comparisons"],
    }
    frame.write_report(folder, result.name, content, tables, plot)


def _trial_entry(trial: FinetuneTrial) -> dict[str, Any]:
    """The trial without its curves, which are long."""
    own = {name: value for name, value in vars(trial).items() if name != "result"}
    own |= {name: getattr(trial.result, name) for name in ("auc", "acc", "best_epoch", "seconds")}
    return own | {"detail": None if trial.result.detail is None else asdict(trial.result.detail)}


def _labels(result: FinetuneResult, count: int, fraction: float) -> str:
    return percent(fraction) if result.frozen else f"{count} ({percent(fraction)})"  # frozen, columns are many
