"""What segmenting came to, and how it is shown: terminal table, JSON, CSV.

Covers: the result types, means over trials, comparisons of starts, and writing them. Does not cover: computing scores
(`metrics.py`), pictures (`overlay.py`), statistics (`fastssl.evaluation.shared.statistics`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastssl.evaluation.shared.differences import HEADINGS, difference_cells, how_tested
from fastssl.evaluation.shared.report import flat_row
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test, untested
from fastssl.files import without_nan, write_atomically, write_csv

from .initialization import RANDOM
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

    @property
    def label(self) -> str:
        """Names the start among others."""
        return self.run if self.run == RANDOM else f"{self.run} ({self.encoder_init}, {self.decoder_init})"

    def by_trial(self, metric: str) -> list[float]:
        """The mean over test images of every trial."""
        return [mean_score(trial.test, metric) for trial in self.trials]

    def mean(self, metric: str) -> float:
        """Mean over trials of the mean over test images."""
        return mean_interval(self.by_trial(metric)).mean

    def std_over_images(self, metric: str) -> float:
        """Standard deviation over the test images, the mean over trials."""
        return float(np.mean([std_score(trial.test, metric) for trial in self.trials]))

    def std_over_trials(self, metric: str) -> float:
        """Standard deviation (n - 1) over trials of the mean over images; nan for one trial."""
        return mean_interval(self.by_trial(metric)).std


@dataclass(frozen=True)
class SegmentPair:
    """The test Dice of one start less that of another, trials of one seed paired; p_holm is adjusted for all pairs.

    Trials differ in their training alone: the test speaks of training again on the same images, not of other images.
    """

    start: str
    against: str
    test: PairedTest


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

    @property
    def pairs(self) -> tuple[SegmentPair, ...]:
        """Every two starts that were trained, the one that comes first less the other."""
        trained = [row for row in self.rows if row.run != NOTHING_LEARNED]
        compared = list(combinations(trained, 2))
        tests = holm_adjusted([paired_t_test(one.by_trial("dice"), other.by_trial("dice")) for one, other in compared])
        return tuple(
            SegmentPair(one.label, other.label, test) for (one, other), test in zip(compared, tests, strict=True)
        )

    def print(self, console: Console | None = None) -> None:
        """Show the tables and the notes; in ASCII where the output is not a terminal, tighter where it is narrow."""
        console = console or Console()
        looks = {"plain": not console.is_terminal, "narrow": console.width < ROOMY}
        console.print(segment_table(self, **looks))
        pairs = self.pairs
        tests = [pair.test for pair in pairs]
        if any(test.comparisons for test in tests):
            console.print(pairs_table(pairs, **looks))
            console.print(how_tested(tests), highlight=False, soft_wrap=True)
        for note in (*untested(tests), *self.notes):
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
    table = _table(f"{result.data}, {result.encoder} U-Net ({counts}); {over}", plain, narrow)
    shown = [metric for metric in METRICS if not (narrow and metric == "specificity")]
    table.add_column("start", overflow="fold")
    for heading in ("encoder", "decoder"):
        table.add_column(heading, no_wrap=True)
    for metric in shown:
        table.add_column(_HEADINGS[metric], justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(escape(row.run), row.encoder_init, row.decoder_init, *(_figure(row, m) for m in shown))
    return table


def pairs_table(pairs: Sequence[SegmentPair], *, plain: bool = False, narrow: bool = False) -> Table:
    """Differences in test Dice, with interval and adjusted p; bold where that is below 0.05."""
    table = _table("differences in test Dice, trials paired by seed; starts as (encoder, decoder)", plain, narrow)
    for heading in ("start", "less"):
        table.add_column(heading, overflow="fold")
    for heading in ("Dice", *HEADINGS):
        table.add_column(heading, justify="right", no_wrap=True)
    for pair in pairs:
        style = "bold" if pair.test.significant else ""
        table.add_row(escape(pair.start), escape(pair.against), *difference_cells(pair.test, digits=3), style=style)
    return table


def write_report(result: SegmentResult, folder: Path) -> None:
    """Write `segment.json` (all of it, nan as null), `segment.csv` (a line an image and trial) and `segment-pairs.csv`
    (the comparisons of starts), atomically."""
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
    pairs = [flat_row(pair) for pair in result.pairs]
    content = without_nan({**asdict(result), "rows": rows, "pairs": pairs})
    write_atomically(folder / "segment.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    scores = [
        {
            "run": row.run,
            "encoder_init": row.encoder_init,
            "decoder_init": row.decoder_init,
            "seed": trial.seed,
            **asdict(score),
        }
        for row in result.rows
        for trial in row.trials
        for score in trial.test
    ]
    write_csv(folder / "segment.csv", scores)
    write_csv(folder / "segment-pairs.csv", pairs)


def _table(title: str, plain: bool, narrow: bool) -> Table:
    return Table(
        title=escape(title),
        title_justify="left",
        box=None if narrow else box.ASCII if plain else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if narrow else (0, 1),
    )


def _figure(row: SegmentRow, metric: str) -> str:
    mean = row.mean(metric)
    std = row.std_over_trials(metric) if len(row.trials) > 1 else row.std_over_images(metric)
    if isnan(mean):
        return "n/a"
    return f"{mean:.3f}" if isnan(std) else f"{mean:.3f}±{std:.3f}"
