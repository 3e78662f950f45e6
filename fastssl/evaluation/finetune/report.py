"""What a fine-tuning comparison found, and how it is shown: terminal tables, CSV, JSON.

Covers: the result, and writing it. Does not cover: computing it (`summary.py`), plots (`plots.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isnan
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastssl.evaluation.shared.differences import HEADINGS, difference_cells, how_tested
from fastssl.evaluation.shared.report import flat_row
from fastssl.files import without_nan, write_atomically, write_csv

from .label_efficiency import Saving, percent
from .summary import Comparison, Row, Trial
from .trial import Epoch

ROOMY = 76
"""Columns of text that the full table takes."""


GAP = "train, val: accuracy after the last epoch; gap: validation log loss less training log loss, the overfitting gap"


@dataclass(frozen=True)
class FinetuneResult:
    """A comparison's rows, what they were measured on, and how.

    published: (test AUC, test ACC) of MedMNIST's ResNet-18 on the same splits, or None. curves: (contender, label
    fraction) -> the mean curve over its trials. folder: where the report lies.
    """

    data: str
    task: str
    size: int
    n_train: int
    n_val: int
    n_test: int
    recipe: Mapping[str, Any]
    how: str
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    savings: tuple[Saving, ...]
    published: tuple[float, float] | None
    curves: Mapping[tuple[str, float], tuple[Epoch, ...]]
    trials: tuple[Trial, ...]
    notes: tuple[str, ...]
    folder: str

    @property
    def frozen(self) -> bool:
        """Whether the classifier alone was trained."""
        return bool(self.recipe["frozen"])

    @property
    def name(self) -> str:
        """What the report's files are called."""
        return "finetune-frozen" if self.frozen else "finetune"

    def row(self, contender: str, label_fraction: float = 1.0) -> Row:
        """The row of this contender on this share; KeyError if it was not measured."""
        for row in self.rows:
            if (row.contender, row.label_fraction) == (contender, label_fraction):
                return row
        raise KeyError(f"no row {contender!r}, {label_fraction:g}")

    def print(self, console: Console | None = None) -> None:
        """Show the tables, the savings and the notes; lines are ASCII where the output is not a terminal."""
        console = console or Console()
        looks = {"plain": not console.is_terminal, "narrow": console.width < ROOMY}
        console.print(results_table(self, **looks))
        if self.comparisons:
            console.print(comparison_table(self.comparisons, **looks))
            if self.comparisons[0].test.comparisons:
                console.print(how_tested([one.test for one in self.comparisons]), highlight=False, soft_wrap=True)
        for saved in self.savings:
            console.print(saved.text, highlight=False, markup=False, soft_wrap=True)
        for note in (self.how, *([GAP] if self.frozen else []), *self.notes):
            console.print(f"note: {note}", style="dim", highlight=False, markup=False, soft_wrap=True)


def results_table(result: FinetuneResult, *, plain: bool = False, narrow: bool = False) -> Table:
    """The rows as a table. plain: lines of ASCII alone. narrow: without lines."""
    parts = f"{result.n_train} train, {result.n_val} val, {result.n_test} test"
    how = "frozen" if result.frozen else "fine-tuned"
    table = Table(
        title=escape(f"{result.data}, {result.size} px, {how} ({parts})"), title_justify="left", box=_box(plain, narrow)
    )
    table.add_column("encoder", overflow="fold", min_width=len("random init"))
    headings = ("labels", "test AUC", "test ACC", *(("train", "val", "gap") if result.frozen else ("epoch",)))
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    opponents = {comparison.against for comparison in result.comparisons}
    for row in result.rows:
        cells = [_labels(result, row.n_train, row.label_fraction)]
        cells += [_spread(row.auc, row.auc_std), _spread(row.acc, row.acc_std)]
        if result.frozen:
            cells += [_number(row.train_acc), _number(row.val_acc), _number(row.overfitting_gap, sign="+")]
        else:
            cells.append(f"{row.best_epoch:.0f}")
        table.add_row(escape(row.contender), *cells, style="" if row.contender in opponents else "bold")
    if result.published is not None:
        table.add_row("published ResNet-18", _labels(result, result.n_train, 1), *map(_number, result.published))
    return table


def comparison_table(comparisons: tuple[Comparison, ...], *, plain: bool = False, narrow: bool = False) -> Table:
    """Differences in test AUC, with interval and adjusted p; bold where that is below 0.05."""
    table = Table(title="differences in test AUC, paired by seed", title_justify="left", box=_box(plain, narrow))
    table.add_column("encoder", overflow="fold")
    table.add_column("against", overflow="fold")
    for heading in ("labels", "AUC", *HEADINGS, "pairs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in comparisons:
        numbers = (percent(one.label_fraction), *difference_cells(one.test, digits=3), str(one.pairs))
        style = "bold" if one.test.significant else ""
        table.add_row(escape(one.contender), escape(one.against), *numbers, style=style)
    return table


def write_report(result: FinetuneResult, folder: Path) -> None:
    """Write into `folder`, atomically: `finetune[-frozen].json` (all of it, nan as null), `.csv` (the rows) and
    `-pairs.csv` (the comparisons)."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {field.name: getattr(result, field.name) for field in fields(result) if field.name != "trials"}
    content["curves"] = [
        {"contender": contender, "label_fraction": fraction, "epochs": [asdict(epoch) for epoch in epochs]}
        for (contender, fraction), epochs in result.curves.items()
    ]
    content["trials"] = [
        {**{name: value for name, value in vars(trial).items() if name != "outcome"}, **_metrics(trial)}
        for trial in result.trials
    ]
    for name in ("rows", "savings"):
        content[name] = [asdict(entry) for entry in content[name]]
    content["comparisons"] = [flat_row(one) for one in result.comparisons]
    text = json.dumps(without_nan(content), indent=1, allow_nan=False)
    write_atomically(folder / f"{result.name}.json", text + "\n")
    write_csv(folder / f"{result.name}.csv", content["rows"])
    write_csv(folder / f"{result.name}-pairs.csv", content["comparisons"])


def _metrics(trial: Trial) -> dict[str, Any]:
    outcome = trial.outcome
    return {name: getattr(outcome, name) for name in ("auc", "acc", "best_epoch", "seconds")}


def _labels(result: FinetuneResult, count: int, fraction: float) -> str:
    return percent(fraction) if result.frozen else f"{count} ({percent(fraction)})"  # frozen, columns are many


def _box(plain: bool, narrow: bool) -> box.Box | None:
    return None if narrow else box.ASCII if plain else box.SIMPLE_HEAD


def _number(value: float, sign: str = "") -> str:
    return "n/a" if isnan(value) else f"{value:{sign}.3f}"


def _spread(mean: float, deviation: float) -> str:
    return _number(mean) if isnan(deviation) else f"{mean:.3f}±{deviation:.3f}"
