"""The result of a comparison, and how it is shown and written: terminal tables, JSON, CSV.

Covers: which rows and columns there are. Does not cover: the frame of tables and files (`evaluation/shared/report.py`),
means and differences (`summary.py`), pictures (`overlay.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fastssl.console import new_console, say
from fastssl.evaluation.shared.detail_table import interval_cell
from fastssl.evaluation.shared.differences import DifferenceRow, differences_table, how_tested
from fastssl.evaluation.shared.report import flat_row, mean_cell, write_report
from fastssl.evaluation.shared.statistics import untested
from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_notes,
    show_table,
)

from .metrics import METRICS
from .summary import SegmentPair, SegmentRow, compare_pairs

FULL_WIDTH = 112
"""Columns of text that the full table takes."""
_HEADINGS = {"dice": "Dice", "iou": "IoU", "sensitivity": "sens.", "specificity": "spec.", "auc": "AUC"}
_STATISTICS = ("mean", "std_over_images", "std_over_trials")


@dataclass(frozen=True, kw_only=True)
class SegmentResult:
    """What was compared, on which images, and what was found.

    Attributes:
        data: name of the data.
        encoder: timm names of the encoders.
        images: "train", "val" and "test" -> names of the images.
        settings: how all networks were trained.
        rows: "all foreground", and one row per initialization.
        notes: what a reader should know of the results.
        folder: where segment.json, segment.csv, segment-pairs.csv, the finished trials and overlays/ lie.
        command: the command line that measures them.
    """

    data: str
    encoder: str
    images: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]
    rows: tuple[SegmentRow, ...]
    notes: tuple[str, ...] = ()
    folder: str = ""
    command: str = ""

    def row(self, run: str, encoder_init: str = "run", decoder_init: str = "run") -> SegmentRow:
        """Return the row of an initialization.

        Args:
            run: its name, that of a baseline, "random", or "all foreground".
            encoder_init: "run", "random" or "pretrained"; empty for "all foreground".
            decoder_init: likewise.

        Returns:
            Its trials and their means.

        Raises:
            KeyError: there is no such row.
        """
        for row in self.rows:
            if (row.run, row.encoder_init, row.decoder_init) == (run, encoder_init, decoder_init):
                return row
        raise KeyError(f"no row {run!r}, {encoder_init!r}, {decoder_init!r}")

    @property
    def pairs(self) -> tuple[SegmentPair, ...]:
        """Return the differences in test Dice of every two initializations, with their tests."""
        return compare_pairs(self.rows)

    def print(self, console: Console | None = None) -> None:
        """Show the tables and the notes; in ASCII where the output is not a terminal, tighter where it is narrow.

        Args:
            console: where they go; standard output by default.
        """
        console = console or new_console()
        show_table(console, partial(segment_table, self), FULL_WIDTH)
        show_table(console, partial(intervals_table, self), FULL_WIDTH)
        pairs = self.pairs
        tests = [pair.test for pair in pairs]
        if any(test.comparisons for test in tests):
            show_table(console, partial(pairs_table, pairs), FULL_WIDTH)
            say(console, how_tested(tests))
        print_notes(console, (*untested(tests), *self.notes))


def segment_table(result: SegmentResult, style: TableStyle) -> Table:
    """Return the rows as a table, with deviations over trials where there are several, else over images.

    Args:
        result: the comparison.
        style: how the table is drawn; a narrow one has no specificity.
    """
    trials = max(len(row.trials) for row in result.rows)
    over = f"mean ± std over {trials} trials" if trials > 1 else "mean ± std over images"
    counts = ", ".join(f"{len(names)} {split}" for split, names in result.images.items())
    table = new_table(style, f"{result.data}, {result.encoder} U-Net ({counts}); {over}")
    shown = [metric for metric in METRICS if not (style.narrow and metric == "specificity")]
    add_name_column(table, "run")
    for heading in ("encoder", "decoder"):
        table.add_column(heading, no_wrap=True)
    add_number_columns(table, [_HEADINGS[metric] for metric in shown])
    for row in result.rows:
        add_row(table, style, [row.run, row.encoder_init, row.decoder_init, *(_cell(row, m) for m in shown)])
    return table


def intervals_table(result: SegmentResult, style: TableStyle) -> Table:
    """Return the intervals of Dice over test images, or patients, as a table.

    Args:
        result: the comparison.
        style: how the table is drawn.
    """
    table = new_table(style, "")
    add_name_column(table, "run")
    add_number_columns(table, ["Dice 95 %"])
    for row in result.rows:
        add_row(table, style, [row.label, interval_cell(row.dice_low, row.dice_high)])
    return table


def pairs_table(pairs: Sequence[SegmentPair], style: TableStyle) -> Table:
    """Return the differences in test Dice as a table.

    Args:
        pairs: at least one.
        style: how the table is drawn.
    """
    rows = [DifferenceRow(encoder=pair.initialization, against=pair.against, test=pair.test) for pair in pairs]
    title = "differences in test Dice, trials paired by seed; initialization of (encoder, decoder)"
    return differences_table(rows, style, headings=("initialization", "less"), metric="Dice", digits=3, title=title)


def write_segment_report(result: SegmentResult, folder: Path) -> None:
    """Write a comparison's files, each whole or not at all.

    These are `segment.json` (all of it), `segment.csv` (a line per image and trial) and `segment-pairs.csv` (the
    differences).

    Args:
        result: the comparison.
        folder: made if it is not there.

    Raises:
        OSError: a file cannot be written.
    """
    pairs = [flat_row(pair) for pair in result.pairs]
    content = {**asdict(result), "rows": [_row_content(row) for row in result.rows], "pairs": pairs}
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
    write_report(folder, "segment", content, {"": scores, "-pairs": pairs})


def _row_content(row: SegmentRow) -> dict[str, Any]:
    """A row with its means and deviations, for the JSON file."""
    means = {name: {metric: getattr(row, name)(metric) for metric in METRICS} for name in _STATISTICS}
    return {**asdict(row), **means}


def _cell(row: SegmentRow, metric: str) -> str:
    """The mean, and the deviation over trials where there are several, else over images."""
    deviation = row.std_over_trials(metric) if len(row.trials) > 1 else row.std_over_images(metric)
    return mean_cell(row.mean(metric), deviation)
