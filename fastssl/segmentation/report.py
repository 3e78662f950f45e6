"""What segmenting came to, and how it is shown: terminal table, JSON, CSV.

Covers: the result types, means over trials, and writing them. Does not cover: computing scores (`metrics.py`), pictures
(`overlay.py`).
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastssl.checkpoint import write_atomically
from fastssl.jsonable import without_nan

from .metrics import METRICS, ImageScore, mean_score, std_score
from .trial import Trial

ROOMY = 112
"""Columns of text that the full table takes."""
NOTHING_LEARNED = "all foreground"
_HEADINGS = {"dice": "Dice", "iou": "IoU", "sensitivity": "sens.", "specificity": "spec.", "auc": "AUC"}


@dataclass(frozen=True)
class SegmentRow:
    """All trials from one start. run: its name, "random", or "all foreground", which needs no training."""

    run: str
    encoder_init: str
    decoder_init: str
    trials: tuple[Trial, ...]

    def mean(self, metric: str) -> float:
        """Mean over trials of the mean over test images."""
        return float(np.mean([mean_score(trial.test, metric) for trial in self.trials]))

    def std_over_images(self, metric: str) -> float:
        """Standard deviation over the test images, the mean over trials."""
        return float(np.mean([std_score(trial.test, metric) for trial in self.trials]))

    def std_over_trials(self, metric: str) -> float:
        """Standard deviation (n - 1) over trials of the mean over images; nan for one trial."""
        means = [mean_score(trial.test, metric) for trial in self.trials]
        return float(np.std(means, ddof=1)) if len(means) > 1 else nan


@dataclass(frozen=True)
class SegmentResult:
    """The rows and what they were measured on. settings: how all were trained."""

    data: str
    encoder: str
    images: dict[str, list[str]]
    settings: dict[str, Any]
    rows: tuple[SegmentRow, ...]
    notes: tuple[str, ...] = ()
    folder: str = ""
    """Where segment.json, segment.csv and overlays/ lie."""

    def row(self, run: str, encoder_init: str = "run", decoder_init: str = "run") -> SegmentRow:
        """The row of this start; KeyError if there is none."""
        for row in self.rows:
            if (row.run, row.encoder_init, row.decoder_init) == (run, encoder_init, decoder_init):
                return row
        raise KeyError(f"no row {run!r}, {encoder_init!r}, {decoder_init!r}")

    def print(self, console: Console | None = None) -> None:
        """Show the table and the notes; in ASCII where the output is not a terminal, tighter where it is narrow."""
        console = console or Console()
        console.print(segment_table(self, plain=not console.is_terminal, narrow=console.width < ROOMY))
        for note in self.notes:
            console.print(f"note: {note}", style="dim", highlight=False, markup=False, soft_wrap=True)


def baseline_row(scores: tuple[ImageScore, ...]) -> SegmentRow:
    """What calling every pixel foreground scores: what a Dice of nothing learned is here."""
    return SegmentRow(NOTHING_LEARNED, "", "", (Trial(0, 0, 0, nan, nan, scores),))


def segment_table(result: SegmentResult, *, plain: bool = False, narrow: bool = False) -> Table:
    """The rows as a table, deviations over trials where there are several, else over images.

    plain: drawn with ASCII alone. narrow: without lines and specificity.
    """
    trials = max(len(row.trials) for row in result.rows)
    over = f"mean ± std over {trials} trials" if trials > 1 else "mean ± std over images"
    counts = ", ".join(f"{len(names)} {split}" for split, names in result.images.items())
    table = Table(
        title=escape(f"{result.data}, {result.encoder} U-Net ({counts}); {over}"),
        title_justify="left",
        box=None if narrow else box.ASCII if plain else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if narrow else (0, 1),
    )
    shown = [metric for metric in METRICS if not (narrow and metric == "specificity")]
    table.add_column("start", overflow="fold")
    for heading in ("encoder", "decoder"):
        table.add_column(heading, no_wrap=True)
    for metric in shown:
        table.add_column(_HEADINGS[metric], justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(escape(row.run), row.encoder_init, row.decoder_init, *(_figure(row, m) for m in shown))
    return table


def write_report(result: SegmentResult, folder: Path) -> None:
    """Write `segment.json` (all of it, nan as null) and `segment.csv` (a line an image and trial), atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            **asdict(row),
            "mean": {metric: row.mean(metric) for metric in METRICS},
            "std_over_images": {metric: row.std_over_images(metric) for metric in METRICS},
            "std_over_trials": {metric: row.std_over_trials(metric) for metric in METRICS},
        }
        for row in result.rows
    ]
    content = without_nan({**asdict(result), "rows": rows})
    write_atomically(folder / "segment.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    text = io.StringIO(newline="")
    scores = [field.name for field in fields(ImageScore)]
    writer = csv.DictWriter(text, ["run", "encoder_init", "decoder_init", "seed", *scores], lineterminator="\n")
    writer.writeheader()
    for row in result.rows:
        start = {"run": row.run, "encoder_init": row.encoder_init, "decoder_init": row.decoder_init}
        for trial in row.trials:
            writer.writerows({**start, "seed": trial.seed, **without_nan(asdict(score))} for score in trial.test)
    write_atomically(folder / "segment.csv", text.getvalue())


def _figure(row: SegmentRow, metric: str) -> str:
    mean = row.mean(metric)
    std = row.std_over_trials(metric) if len(row.trials) > 1 else row.std_over_images(metric)
    if isnan(mean):
        return "n/a"
    return f"{mean:.3f}" if isnan(std) else f"{mean:.3f}±{std:.3f}"
