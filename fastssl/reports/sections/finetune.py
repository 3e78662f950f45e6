"""Fine-tuning, end to end or of a classifier on frozen features: scores by the share of the labels.

Covers: the table, curves with bands, tested differences, confusion matrices. Does not cover: the trials
(`fastssl.evaluation.finetune`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from ..blocks import Block, Chart, ChartGrid, CommandBlock, ReportSection, ReportTable, TableCell
from ..charts import LineSeries, line_chart
from ..reading.evaluation_files import FinetuneFile, StoredFinetuneRow
from ..reading.run_record import RunRecord
from ..words import score_cells, shown_command
from .confusion import confusion_block
from .differences import differences_blocks
from .shared import command_for, headed, notes_block, to_evaluate

METRICS = {"auc": "AUC", "acc": "ACC"}
LEADS = (
    "Encoder and classifier trained end to end, on all labels or a share of them.",
    "A classifier trained on frozen features, on all labels or a share of them.",
)
FRACTIONS = "--label-fraction 1.0 0.1 0.01"


def finetune_section(records: Sequence[RunRecord], *, frozen: bool) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
        frozen: of classifiers on frozen features; else of fine-tuning end to end.
    """
    blocks = headed(
        [
            (record, _comparison(found, tuple(record.data.get("classes", ()))))
            for record in records
            if (found := record.frozen if frozen else record.finetune) is not None
        ]
    )
    encoders = to_evaluate(records)
    options = f"{'--frozen ' * frozen}{FRACTIONS}"
    wanted = CommandBlock(what="adds this", lines=(command_for("finetune", encoders, options),)) if encoders else None
    lead = (
        "A classifier trained on frozen features, by the share of the labels."
        if frozen
        else "Encoder and classifier trained end to end, by the share of the labels."
    )
    return ReportSection(
        anchor="finetune-frozen" if frozen else "finetune",
        title="Frozen features" if frozen else "Fine-tuning",
        lead=lead if blocks else "",
        blocks=tuple(blocks),
        wanted=None if blocks else wanted,
    )


def percent(fraction: float) -> str:
    """Return a share of the labels as text."""
    return f"{100 * fraction:g} %"


def _comparison(found: FinetuneFile, class_names: tuple[str, ...]) -> list[Block]:
    fractions = sorted({row.label_fraction for row in found.rows}, reverse=True)
    blocks: list[Block] = []
    if len(fractions) > 1:
        blocks.append(ChartGrid(charts=tuple(_chart(found, metric) for metric in METRICS)))
    blocks += [_table(found, fractions, metric) for metric in METRICS]
    blocks += _differences(found)
    blocks += _confusions(found, fractions[0], class_names)
    savings = [saving.text for saving in found.savings if saving.text]
    blocks.append(notes_block([*savings, *filter(None, [found.how]), *found.notes]))
    if found.command:
        blocks.append(CommandBlock(what="measures these", lines=(shown_command(found.command),)))
    return blocks


def _by_encoder(found: FinetuneFile) -> dict[str, dict[float, StoredFinetuneRow]]:
    rows: dict[str, dict[float, StoredFinetuneRow]] = {}
    for row in found.rows:
        rows.setdefault(row.encoder, {})[row.label_fraction] = row
    return rows


def _table(found: FinetuneFile, fractions: Sequence[float], metric: str) -> ReportTable:
    rows = _by_encoder(found)
    columns: list[list[TableCell]] = []
    for fraction in fractions:
        own = [by_fraction.get(fraction) for by_fraction in rows.values()]
        means = [nan if row is None else getattr(row, metric) for row in own]
        spreads = [nan if row is None else getattr(row, f"{metric}_std") for row in own]
        columns.append(score_cells(means, spreads))
    counts = {row.label_fraction: row.n_train for row in found.rows}
    body: list[tuple[TableCell | str, ...]] = [
        (encoder, *(column[place] for column in columns)) for place, encoder in enumerate(rows)
    ]
    if found.published is not None and fractions[0] == 1.0:
        value = found.published[list(METRICS).index(metric)]
        body.append(("published ResNet-18", f"{value:.3f}", *("" for _ in fractions[1:])))
    trials = max(row.trials for row in found.rows)
    over = f"mean ± standard deviation over {trials} seeds" if trials > 1 else "one seed"
    return ReportTable(
        caption=f"{found.data}: test {METRICS[metric]} by share of the labels, {over}, {found.n_test} test images",
        columns=("encoder", *(f"{percent(fraction)} ({counts[fraction]} images)" for fraction in fractions)),
        rows=tuple(body),
        notes=("Bold: best of the column.",),
    )


def _chart(found: FinetuneFile, metric: str) -> Chart:
    series = []
    for number, (encoder, by_fraction) in enumerate(_by_encoder(found).items()):
        rows = [by_fraction[fraction] for fraction in sorted(by_fraction)]
        means, spreads = (
            np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in (metric, f"{metric}_std")
        )
        series.append(
            LineSeries(
                name=encoder,
                number=number,
                x=[row.label_fraction for row in rows],
                y=means.tolist(),
                low=(means - spreads).tolist(),
                high=(means + spreads).tolist(),
            )
        )
    title = f"Test {METRICS[metric]} by share of the labels"
    fractions = sorted({row.label_fraction for row in found.rows})
    summary = "; ".join(f"{one.name} {one.y[0]:.3f} to {one.y[-1]:.3f}" for one in series)
    return Chart(
        title=title,
        svg=line_chart(
            series,
            summary=f"{title}: {summary}",
            x_label="share of the training labels",
            y_label=METRICS[metric],
            log_x=True,
            x_ticks={fraction: percent(fraction) for fraction in fractions},
        ),
        legend={one.number: one.name for one in series},
        note="Bands: standard deviation over seeds.",
    )


def _differences(found: FinetuneFile) -> list[Block]:
    rows = [((one.encoder, one.against, percent(one.label_fraction)), one) for one in found.comparisons]
    caption = "Differences in test AUC, paired by seed"
    return differences_blocks(caption, ("encoder", "less", "labels"), rows, digits=3)


def _confusions(found: FinetuneFile, fraction: float, class_names: tuple[str, ...]) -> list[Block]:
    """Counts of all trials on the largest share of the labels, added up."""
    sums: dict[str, np.ndarray] = {}
    for trial in found.trials:
        if trial.label_fraction == fraction and trial.detail is not None and trial.detail.confusion:
            counts = np.array(trial.detail.confusion, dtype=np.float64)
            before = sums.setdefault(trial.encoder, np.zeros_like(counts))
            sums[trial.encoder] = before + counts if before.shape == counts.shape else before
    named = found.class_names or class_names
    return confusion_block(
        {encoder: (counts.tolist(), named) for encoder, counts in sums.items()}, "test images, added up over seeds"
    )
