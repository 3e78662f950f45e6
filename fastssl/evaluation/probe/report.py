"""What a probe found, and how it is shown: terminal table, CSV, JSON.

Covers: the result types, and writing them. Does not cover: computing them (`probe.py`), plots.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from math import isnan
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastssl.files import without_nan, write_atomically

ROOMY = 76
"""Columns of text that the full table takes."""


@dataclass(frozen=True)
class ProbeRow:
    """One line of the table: which features, which classifier, and its results on the test part.

    features: "trained", "random init", "raw pixels" or "published ResNet-18". classifier: "linear", "kNN" or
    "end to end". setting: what was chosen, such as "l2 0.01" or "k 68". auc is nan where it is undefined.
    """

    features: str
    classifier: str
    auc: float
    acc: float
    setting: str = ""
    dim: int | None = None
    n_train: int | None = None
    note: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """A probe's rows and what they were measured on."""

    encoder: str
    data: str
    task: str
    size: int
    n_train: int
    n_val: int
    n_test: int
    rows: tuple[ProbeRow, ...]
    notes: tuple[str, ...] = ()
    folder: str = ""
    """Where probe.json and probe.csv lie."""

    def row(self, features: str, classifier: str = "linear") -> ProbeRow:
        """The row of these features and this classifier; KeyError if it was not measured."""
        for row in self.rows:
            if (row.features, row.classifier) == (features, classifier):
                return row
        raise KeyError(f"no row {features!r}, {classifier!r}")

    def print(self, console: Console | None = None) -> None:
        """Show the table and the notes; in ASCII where the output is not a terminal, tighter where it is narrow."""
        console = console or Console()
        console.print(probe_table(self, plain=not console.is_terminal, narrow=console.width < ROOMY))
        for note in self.notes:
            console.print(f"note: {note}", style="dim", highlight=False, markup=False, soft_wrap=True)


def probe_table(result: ProbeResult, *, plain: bool = False, narrow: bool = False) -> Table:
    """The rows as a table. plain: drawn with ASCII alone. narrow: without lines and the last column."""
    parts = f"{result.n_train} train, {result.n_val} val, {result.n_test} test"
    frame = None if narrow else box.ASCII if plain else box.SIMPLE_HEAD
    table = Table(
        title=escape(f"{result.data}, {result.size} px, {result.encoder} ({parts})"), title_justify="left", box=frame
    )
    table.add_column("features", min_width=len("random init"))
    table.add_column("classifier", min_width=len("end to end"))
    for heading in ("test AUC", "test ACC"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("chosen", no_wrap=True)
    if not narrow:
        table.add_column("n train", justify="right", no_wrap=True)
    for row in result.rows:
        numbers = ["n/a" if isnan(value) else f"{value:.3f}" for value in (row.auc, row.acc)]
        count = [] if narrow else ["" if row.n_train is None else str(row.n_train)]
        style = "bold" if row.features == "trained" else ""
        table.add_row(row.features, row.classifier, *numbers, row.setting, *count, style=style)
    return table


def write_report(result: ProbeResult, folder: Path) -> None:
    """Write `probe.json` (all of it, nan as null) and `probe.csv` (the rows) into `folder`, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    content = without_nan(asdict(result))
    write_atomically(folder / "probe.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(ProbeRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(content["rows"])
    write_atomically(folder / "probe.csv", text.getvalue())
