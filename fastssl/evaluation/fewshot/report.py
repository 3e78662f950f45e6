"""What a few-shot comparison found, and how it is shown: terminal tables, CSV, JSON.

Covers: the result types, and writing them. Does not cover: computing them (`fewshot_summary.py`), the plot
(`fewshot_plot.py`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastssl.evaluation.shared.differences import HEADINGS, difference_cells, how_tested
from fastssl.evaluation.shared.report import flat_row
from fastssl.evaluation.shared.statistics import MeanInterval, PairedTest
from fastssl.files import without_nan, write_atomically, write_csv

ROOMY = 100
"""Columns of text that tables with lines take."""
METRICS = {"acc": "accuracy", "auc": "AUC"}


@dataclass(frozen=True)
class FewshotRow:
    """One encoder at one number of shots: accuracy and AUC over the seeds, as fractions, and what each seed gave.

    overlap: share of images that the draws of two seeds have in common; nan for a single seed.
    """

    encoder: str
    shots: int
    dim: int
    overlap: float
    acc: MeanInterval
    auc: MeanInterval
    acc_by_seed: tuple[float, ...]
    auc_by_seed: tuple[float, ...]


@dataclass(frozen=True)
class FewshotPair:
    """`encoder` less `against` at one number of shots, paired by seed; p_holm is adjusted for all pairs and shots of
    the metric."""

    encoder: str
    against: str
    shots: int
    metric: str
    test: PairedTest


@dataclass(frozen=True)
class FewshotResult:
    """A comparison's rows and pairs, and what they were measured on. n_pool: labelled images to draw from."""

    data: str
    task: str
    n_pool: int
    n_test: int
    seeds: tuple[int, ...]
    l2: float | None
    rows: tuple[FewshotRow, ...]
    pairs: tuple[FewshotPair, ...]
    notes: tuple[str, ...] = ()
    folder: str = ""
    """Where fewshot.json, fewshot.csv, fewshot-pairs.csv and fewshot.png lie."""

    @property
    def encoders(self) -> tuple[str, ...]:
        """Their labels, runs first."""
        return tuple(dict.fromkeys(row.encoder for row in self.rows))

    @property
    def shots(self) -> tuple[int, ...]:
        """The numbers of shots, ascending."""
        return tuple(dict.fromkeys(row.shots for row in self.rows))

    def row(self, encoder: str, shots: int) -> FewshotRow:
        """The row of this encoder; KeyError if it was not measured."""
        for row in self.rows:
            if (row.encoder, row.shots) == (encoder, shots):
                return row
        raise KeyError(f"no row {encoder!r}, {shots} shots")

    def print(self, console: Console | None = None) -> None:
        """Show the tables and the notes; lines are ASCII where the output is not a terminal."""
        console = console or Console()
        looks = {"plain": not console.is_terminal, "narrow": console.width < ROOMY}
        tested = f"{len(self.seeds)} seeds, {self.n_test} test images"
        for metric, name in METRICS.items():
            _headline(console, f"{self.data}: test {name} in %, {tested}")
            console.print(results_table(self, metric, **looks))
        tests = [pair.test for pair in self.pairs if pair.metric == "acc"]
        if any(test.comparisons for test in tests):
            _headline(console, "differences in accuracy, points, paired by seed")
            console.print(pairs_table(self, **looks))
            _headline(console, how_tested(tests))
        for note in self.notes:
            console.print(f"note: {note}", style="dim", highlight=False, markup=False, soft_wrap=True)


def results_table(result: FewshotResult, metric: str, *, plain: bool = False, narrow: bool = False) -> Table:
    """Encoders by shots: mean and standard deviation over the seeds, in percent. plain: lines of ASCII alone. narrow:
    without lines."""
    table = _table(plain, narrow)
    table.add_column("images a class", overflow="fold", min_width=len("random init"))
    for shots in result.shots:
        table.add_column(str(shots), justify="right", no_wrap=True)
    for encoder in result.encoders:
        spreads = [getattr(result.row(encoder, shots), metric) for shots in result.shots]
        table.add_row(escape(encoder), *map(_spread, spreads))
    return table


def pairs_table(result: FewshotResult, *, plain: bool = False, narrow: bool = False) -> Table:
    """Differences in accuracy, in points, with interval and adjusted p; bold where that is below 0.05."""
    table = _table(plain, narrow)
    for heading in ("encoder", "less"):
        table.add_column(heading, overflow="fold")
    for heading in ("images", "points", *HEADINGS):
        table.add_column(heading, justify="right", no_wrap=True)
    pairs = [pair for pair in result.pairs if pair.metric == "acc"]
    for pair in sorted(pairs, key=lambda pair: [result.encoders.index(one) for one in (pair.encoder, pair.against)]):
        numbers = difference_cells(pair.test, digits=1, scale=100)
        style = "bold" if pair.test.significant else ""
        table.add_row(escape(pair.encoder), escape(pair.against), str(pair.shots), *numbers, style=style)
    return table


def write_report(result: FewshotResult, folder: Path) -> None:
    """Write `fewshot.json` (all of it, nan as null), `fewshot.csv` (rows) and `fewshot-pairs.csv`, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "fewshot.json", json.dumps(without_nan(asdict(result)), indent=1, allow_nan=False) + "\n")
    write_csv(folder / "fewshot.csv", [flat_row(row, ("acc_by_seed", "auc_by_seed")) for row in result.rows])
    write_csv(folder / "fewshot-pairs.csv", [flat_row(pair) for pair in result.pairs])


def _headline(console: Console, text: str) -> None:
    """Above a table, where a title of its own would be folded to its width."""
    console.print(text, style="italic", highlight=False, markup=False, soft_wrap=True)


def _table(plain: bool, narrow: bool) -> Table:
    return Table(box=None if narrow else box.ASCII if plain else box.SIMPLE_HEAD)


def _spread(found: MeanInterval) -> str:
    """Mean and deviation; the mean alone where the deviation says nothing of other draws."""
    if isnan(found.mean):
        return "n/a"
    return f"{100 * found.mean:.1f}" + ("" if found.reason else f"±{100 * found.std:.1f}")
