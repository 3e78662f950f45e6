"""What a few-shot comparison found, and how it is shown: terminal tables, CSV, JSON.

Covers: the result types, their tables, and writing them. Does not cover: computing them (`summary.py`), the plot
(`plots.py`), how any report looks (`fastssl.evaluation.shared.report`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from math import nan
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fastssl.console import new_console, say
from fastssl.evaluation.shared.detail import MetricDetail, mean_detail
from fastssl.evaluation.shared.detail_table import DetailRow, class_cells, class_line, detail_table, mean_cells
from fastssl.evaluation.shared.differences import DifferenceRow, differences_table, how_tested
from fastssl.evaluation.shared.report import flat_row, mean_cell, write_report
from fastssl.evaluation.shared.statistics import MeanInterval, PairedTest
from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_headline,
    print_notes,
    show_table,
)

FULL_WIDTH = 100
"""Columns of text that the widest table takes with its lines."""
METRICS = {"acc": "accuracy", "auc": "AUC"}


@dataclass(frozen=True, kw_only=True)
class FewshotRow:
    """One encoder at one number of shots.

    Attributes:
        encoder: its label.
        shots: labelled images per class.
        dim: features per image.
        overlap: share of images that the draws of two seeds have in common; nan for a single seed.
        acc: accuracy over the seeds, 0 to 1.
        auc: area under the ROC curve over the seeds, 0 to 1.
        acc_by_seed: what each seed gave.
        auc_by_seed: what each seed gave.
        detail_by_seed: more of each seed's results.
    """

    encoder: str
    shots: int
    dim: int
    overlap: float
    acc: MeanInterval
    auc: MeanInterval
    acc_by_seed: tuple[float, ...]
    auc_by_seed: tuple[float, ...]
    detail_by_seed: tuple[MetricDetail, ...] = ()

    @property
    def detail(self) -> MetricDetail | None:
        """The means of the details over the seeds; None where there are none."""
        return mean_detail(self.detail_by_seed) if self.detail_by_seed else None


@dataclass(frozen=True, kw_only=True)
class FewshotPair:
    """One encoder less another at one number of shots, paired by seed.

    Attributes:
        encoder: label of the first.
        against: label of the other.
        shots: labelled images per class.
        metric: "acc" or "auc".
        test: the difference; its p_holm is adjusted for all pairs and shots of the metric.
    """

    encoder: str
    against: str
    shots: int
    metric: str
    test: PairedTest


@dataclass(frozen=True, kw_only=True)
class FewshotResult:
    """A comparison's rows and pairs, and what they were measured on.

    Attributes:
        data: name of the data set.
        task: one of MedMNIST's task kinds.
        n_pool: labelled images to draw from.
        n_test: images scored.
        seeds: of the draws.
        l2: penalty on the mean loss; None for 1 / images.
        rows: encoder by encoder, runs first, shots ascending.
        pairs: the comparisons.
        class_names: by class index, as far as they are known.
        notes: what to know of the results.
        folder: where fewshot.json, fewshot.csv, fewshot-classes.csv, fewshot-pairs.csv and fewshot.png lie.
        command: the command line that measures them.
    """

    data: str
    task: str
    n_pool: int
    n_test: int
    seeds: tuple[int, ...]
    l2: float | None
    rows: tuple[FewshotRow, ...]
    pairs: tuple[FewshotPair, ...]
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str = ""
    command: str = ""

    @property
    def encoders(self) -> tuple[str, ...]:
        """The encoders' labels, runs first."""
        return tuple(dict.fromkeys(row.encoder for row in self.rows))

    @property
    def shots(self) -> tuple[int, ...]:
        """The numbers of shots, ascending."""
        return tuple(dict.fromkeys(row.shots for row in self.rows))

    def row(self, encoder: str, shots: int) -> FewshotRow:
        """Return the row of an encoder.

        Args:
            encoder: its label.
            shots: labelled images per class.

        Returns:
            Its scores at that number of shots.

        Raises:
            KeyError: it was not measured.
        """
        for row in self.rows:
            if (row.encoder, row.shots) == (encoder, shots):
                return row
        raise KeyError(f"no row {encoder!r}, {shots} shots")

    def print(self, console: Console | None = None) -> None:
        """Show the tables and the notes.

        Args:
            console: where they go; standard output by default. Lines are ASCII where it is no terminal.
        """
        console = console or new_console()
        tested = f"{len(self.seeds)} seeds, {self.n_test} test images"
        for metric, name in METRICS.items():
            print_headline(console, f"{self.data}: test {name} in %, {tested}")
            show_table(console, partial(fewshot_table, self, metric), FULL_WIDTH)
        first = self.row(self.encoders[0], self.shots[-1])
        if first.detail is not None:
            print_headline(console, f"{self.data}: test scores in detail at {first.shots} images per class, means")
            show_table(console, partial(fewshot_detail_table, self), FULL_WIDTH)
            say(console, class_line(first.encoder, first.detail, self.class_names, self.task))
        tests = [pair.test for pair in self.pairs if pair.metric == "acc"]
        if any(test.comparisons for test in tests):
            print_headline(console, "differences in accuracy, points, paired by seed")
            show_table(console, partial(fewshot_pairs_table, self), FULL_WIDTH)
            print_headline(console, how_tested(tests))
        print_notes(console, self.notes)


def fewshot_table(result: FewshotResult, metric: str, style: TableStyle) -> Table:
    """Return encoders by shots: mean and standard deviation over the seeds, in percent.

    Args:
        result: with the rows.
        metric: "acc" or "auc".
        style: how the table is drawn.
    """
    table = new_table(style)
    add_name_column(table, "images per class")
    add_number_columns(table, map(str, result.shots))
    for encoder in result.encoders:
        spreads = [getattr(result.row(encoder, shots), metric) for shots in result.shots]
        add_row(table, style, [encoder, *map(_percent, spreads)])
    return table


def fewshot_detail_table(result: FewshotResult, style: TableStyle) -> Table:
    """Return what more is known of the test scores at the largest number of shots, means over the seeds.

    Args:
        result: with the rows.
        style: how the table is drawn.
    """
    rows = [result.row(encoder, result.shots[-1]) for encoder in result.encoders]
    lines = [DetailRow(names=(row.encoder,), detail=row.detail) for row in rows if row.detail is not None]
    return detail_table(lines, style, headings=("encoder",))


def fewshot_pairs_table(result: FewshotResult, style: TableStyle) -> Table:
    """Return the differences in accuracy, in percentage points, with interval and adjusted p-value.

    Args:
        result: with at least one pair.
        style: how the table is drawn.
    """
    pairs = [pair for pair in result.pairs if pair.metric == "acc"]
    pairs.sort(key=lambda pair: [result.encoders.index(one) for one in (pair.encoder, pair.against)])
    rows = [
        DifferenceRow(encoder=pair.encoder, against=pair.against, condition=str(pair.shots), test=pair.test)
        for pair in pairs
    ]
    headings = ("encoder", "less")
    return differences_table(rows, style, headings=headings, condition="images", metric="points", digits=1, scale=100)


def write_fewshot_report(result: FewshotResult, folder: Path, plot: bytes | None = None) -> None:
    """Write `fewshot.json` (all of it), `fewshot.csv` (rows), `-classes.csv`, `-pairs.csv` and `fewshot.png`.

    Args:
        result: what was found.
        folder: made if it is not there.
        plot: content of the PNG file; None for none.

    Raises:
        OSError: a file cannot be written.
    """
    by_seed = ("acc_by_seed", "auc_by_seed", "detail_by_seed")
    tables = {
        "": [flat_row(row, left_out=by_seed) | mean_cells(row.detail) for row in result.rows],
        "-classes": [
            cells
            for row in result.rows
            if row.detail is not None
            for cells in class_cells({"encoder": row.encoder, "shots": row.shots}, row.detail, result.class_names)
        ],
        "-pairs": [flat_row(pair) for pair in result.pairs],
    }
    write_report(folder, "fewshot", asdict(result), tables, plot)


def _percent(found: MeanInterval) -> str:
    """Mean and deviation; the mean alone where the deviation says nothing of other draws."""
    return mean_cell(found.mean, nan if found.reason else found.std, digits=1, scale=100)
