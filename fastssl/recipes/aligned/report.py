"""What a comparison of methods found, and how it is shown and written: a table, JSON, CSV.

Covers: the result, its rows, its files. Does not cover: the decision (`choice.py`), reports of the evaluations that
fine-tune (`fastssl.evaluation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import isnan, nan
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fastssl.console import new_console, say
from fastssl.evaluation.shared.differences import DifferenceRow, differences_table, how_tested
from fastssl.evaluation.shared.report import flat_row, mean_cell, write_report
from fastssl.evaluation.shared.report_folder import REPORT
from fastssl.evaluation.shared.statistics import MeanInterval, untested
from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_notes,
    show_table,
)

from .agreement import RankAgreement
from .choice import Lead, MethodChoice

NAME = "aligned"
FULL_WIDTH = 92
"""Columns of text that the full table takes."""
_NONE = MeanInterval(mean=nan, std=nan, low=nan, high=nan, reason="not done")


@dataclass(frozen=True, kw_only=True)
class AlignedRow:
    """One candidate.

    Attributes:
        candidate: its name.
        encoder: timm name; "" of a method that was left out.
        pretraining_seconds: measured, over all calls, with the preparation of each; 0 for imagenet and random.
        steps: of pre-training, over all stages.
        images: that pre-training saw, each time counted.
        proxy: on validation images, over the draws.
        proxy_by_draw: the scores, paired by draw over all candidates.
        proxy_seconds: what scoring it has cost.
        rank: by the proxy's mean, from 1; 0 of a method that was left out.
        finetuned: on the test part, over trials; nan where it was not fine-tuned.
        finetune_seconds: what that has cost; of segmentation, the steps alone.
        left_out: why it was not trained to its end; "" where it was.
    """

    candidate: str
    encoder: str = ""
    pretraining_seconds: float = 0.0
    steps: int = 0
    images: int = 0
    proxy: MeanInterval = _NONE
    proxy_by_draw: tuple[float, ...] = ()
    proxy_seconds: float = 0.0
    rank: int = 0
    finetuned: MeanInterval = _NONE
    finetune_seconds: float = 0.0
    left_out: str = ""


@dataclass(frozen=True, kw_only=True)
class AlignedResult:
    """Result of `--recipe aligned`.

    Attributes:
        folder: of the recipe; `report/` in it holds aligned.json and aligned.csv.
        task: "classification" or "segmentation".
        metric: of proxy and fine-tuning: "AUC" or "Dice".
        data: name of the data.
        rows: one for each candidate, by rank; none where pre-training has not ended.
        choice: the decision; None where pre-training has not ended.
        leads: every method against the better baseline.
        agreement: of the orders by proxy and fine-tuning; None where fewer than four candidates were fine-tuned.
        notes: what a reader should know.
        finished: everything that was asked for is done.
        stopped_by: the name of the signal that stopped pre-training, such as "SIGTERM"; None: nobody did.
    """

    folder: Path
    task: str
    metric: str
    data: str
    rows: tuple[AlignedRow, ...] = ()
    choice: MethodChoice | None = None
    leads: tuple[Lead, ...] = ()
    agreement: RankAgreement | None = None
    notes: tuple[str, ...] = ()
    finished: bool = False
    stopped_by: str | None = None

    @property
    def winner(self) -> str | None:
        """The method to fine-tune; None where no pre-training pays, or where that is not known yet."""
        return None if self.choice is None else self.choice.winner

    def row(self, candidate: str) -> AlignedRow:
        """Return the row of a candidate.

        Args:
            candidate: its name.

        Returns:
            What it has cost, and what it has scored.

        Raises:
            KeyError: it was not compared.
        """
        for row in self.rows:
            if row.candidate == candidate:
                return row
        raise KeyError(f"no row {candidate!r}")

    def print(self, console: Console | None = None) -> None:
        """Show the table, the leads, the decision and the notes.

        Args:
            console: where to; standard output by default.
        """
        console = console or new_console()
        show_table(console, partial(candidates_table, self), FULL_WIDTH)
        tests = [lead.test for lead in self.leads]
        if any(test.comparisons for test in tests):
            show_table(console, partial(leads_table, self), FULL_WIDTH)
            say(console, f"{how_tested(tests)}; over draws, on these validation images and no others")
        say(console, *self._costs())
        if self.choice is not None:
            say(console, decision(self.choice, self.metric))
        say(console, *filter(None, [agreed(self.agreement)]))
        print_notes(console, (*untested(tests), *self.notes))

    def _costs(self) -> list[str]:
        """One line on what all of it has cost together; none before there is a table."""
        names = {"pretraining": "pre-training", "proxy": "proxy", "finetune": "fine-tuning"}
        sums = {what: sum(getattr(row, f"{name}_seconds") for row in self.rows) for name, what in names.items()}
        parts = ", ".join(f"{what} {seconds / 60:.1f} min" for what, seconds in sums.items() if seconds)
        return [f"cost: {parts}"] if parts else []


def candidates_table(result: AlignedResult, style: TableStyle) -> Table:
    """Return the rows as a table.

    Args:
        result: the comparison.
        style: how the table is drawn.
    """
    tuned = any(not isnan(row.finetuned.mean) for row in result.rows)
    title = f"{result.data}: {result.metric} of the proxy on validation images"
    table = new_table(style, f"{title}{', test after fine-tuning' if tuned else ''}; mean±std")
    add_name_column(table, "candidate")
    add_number_columns(table, ["train min", "images", "proxy", "proxy s", "rank"])
    add_number_columns(table, ["test", "tune min"] if tuned else [])
    for row in result.rows:
        add_row(table, style, _cells(row, tuned), bold=row.candidate == result.winner)
    return table


def leads_table(result: AlignedResult, style: TableStyle) -> Table:
    """Return every method's lead over the better baseline as a table.

    Args:
        result: the comparison; it has leads.
        style: how the table is drawn.
    """
    rows = [DifferenceRow(encoder=lead.method, against=lead.against, test=lead.test) for lead in result.leads]
    title = f"differences in the proxy's {result.metric}, paired by draw"
    return differences_table(rows, style, headings=("method", "less"), metric=result.metric, digits=3, title=title)


def decision(choice: MethodChoice, metric: str) -> str:
    """Say in one line who is worth fine-tuning.

    Args:
        choice: the decision.
        metric: of the proxy.
    """
    if not choice.baseline:
        return f"winner: {choice.best}, by the proxy's {metric} ({choice.margin})"
    compared = f"{choice.best} less {choice.baseline} {choice.lead:+.4f} {metric}"
    needed = f"needed +{choice.needed:.4f} ({choice.margin})"
    if choice.pays:
        return f"winner: {choice.best}; {compared}, {needed}"
    return f"no pre-training pays here: {compared}, {needed}"


def agreed(agreement: RankAgreement | None) -> str:
    """Say in one line how far proxy and fine-tuning agree; "" where that is not known.

    Args:
        agreement: of the two orders.
    """
    return "" if agreement is None else f"order by the proxy and order by fine-tuning: {agreement}"


def write_aligned_report(result: AlignedResult) -> None:
    """Write a comparison's files, each whole or not at all: `aligned.json`, `aligned.csv`, `aligned-leads.csv`.

    Args:
        result: the comparison.

    Raises:
        OSError: a file cannot be written.
    """
    content = {
        **asdict(result),
        "folder": str(result.folder),
        "winner": result.winner,
        "decision": "" if result.choice is None else decision(result.choice, result.metric),
        "agreed": agreed(result.agreement),
    }
    tables: dict[str, Sequence[dict[str, object]]] = {
        "": [flat_row(row, ("proxy_by_draw",)) for row in result.rows],
        "-leads": [flat_row(lead) for lead in result.leads],
    }
    write_report(result.folder / REPORT, NAME, content, tables)


def _cells(row: AlignedRow, tuned: bool) -> list[str]:
    if row.left_out:
        return [row.candidate, "left out", *[""] * (4 + 2 * tuned)]
    cost = [f"{row.pretraining_seconds / 60:.1f}", f"{row.images:,}"] if row.steps else ["none", "none"]
    proxy = [mean_cell(row.proxy.mean, row.proxy.std), f"{row.proxy_seconds:.1f}", str(row.rank)]
    tested = not isnan(row.finetuned.mean)
    test = (
        [mean_cell(row.finetuned.mean, row.finetuned.std), f"{row.finetune_seconds / 60:.1f}"] if tested else ["", ""]
    )
    return [row.candidate, *cost, *proxy, *(test if tuned else [])]
