"""Few labels: how far the encoders get on a few labelled images per class.

Covers: the tables in the papers' form, curves with bands, tested differences. Does not cover: the comparison itself
(`fastssl.evaluation.fewshot`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from ..blocks import Block, Chart, ChartGrid, CommandBlock, Hidden, ReportSection, ReportTable
from ..charts import LineSeries, line_chart
from ..reading.evaluation_files import FewshotFile, StoredMean
from ..reading.run_record import RunRecord
from ..words import score_cells, shown_command
from .differences import differences_table
from .shared import command_for, headed, notes_block, to_evaluate

ANCHOR = "fewshot"
METRICS = {"acc": "accuracy", "auc": "AUC"}


def fewshot_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
    """
    blocks = headed([(record, _comparison(record.fewshot)) for record in records if record.fewshot is not None])
    encoders = to_evaluate(records)
    wanted = CommandBlock(what="adds this", lines=(command_for("fewshot", encoders),)) if encoders else None
    return ReportSection(
        anchor=ANCHOR,
        title="Few labels per class",
        lead="A linear classifier on frozen features of a few labelled images of each class." if blocks else "",
        blocks=tuple(blocks),
        wanted=None if blocks else wanted,
    )


def _comparison(found: FewshotFile) -> list[Block]:
    encoders = list(dict.fromkeys(row.encoder for row in found.rows))
    shots = sorted({row.shots for row in found.rows})
    cells = {(row.encoder, row.shots): row for row in found.rows}
    blocks: list[Block] = [_table(found, encoders, shots, metric) for metric in METRICS]
    if len(shots) > 1:
        charts = []
        for metric, name in METRICS.items():
            curves = {
                encoder: [(shot, getattr(cells[encoder, shot], metric)) for shot in shots if (encoder, shot) in cells]
                for encoder in encoders
            }
            charts.append(shots_chart(f"Test {name} by labelled images per class", name, curves))
        blocks.insert(0, ChartGrid(charts=tuple(charts)))
    blocks += _differences(found)
    blocks.append(notes_block(found.notes))
    if found.command:
        blocks.append(CommandBlock(what="measures these", lines=(shown_command(found.command),)))
    return blocks


def shots_chart(title: str, metric: str, curves: dict[str, list[tuple[int, StoredMean]]]) -> Chart:
    """Draw scores by numbers of labelled images, with bands.

    Args:
        title: of the chart.
        metric: what is drawn, for the axis.
        curves: encoder -> (labelled images per class, score) of each.

    Returns:
        The chart.
    """
    series = [
        LineSeries(
            name=encoder,
            number=number,
            x=[shots for shots, _ in points],
            y=[100 * score.mean for _, score in points],
            low=[100 * score.low for _, score in points],
            high=[100 * score.high for _, score in points],
        )
        for number, (encoder, points) in enumerate(curves.items())
    ]
    every = sorted({shots for points in curves.values() for shots, _ in points})
    summary = "; ".join(f"{one.name} {one.y[0]:.1f} % to {one.y[-1]:.1f} %" for one in series)
    return Chart(
        title=title,
        svg=line_chart(
            series,
            summary=f"{title}: {summary}",
            x_label="labelled images per class",
            y_label=f"{metric}, %",
            log_x=every[0] > 0,
            x_ticks={shots: str(shots) for shots in every},
        ),
        legend={one.number: one.name for one in series},
        note="Bands: 95 % interval of the mean over draws.",
    )


def _table(found: FewshotFile, encoders: Sequence[str], shots: Sequence[int], metric: str) -> ReportTable:
    columns = []
    for shot in shots:
        own = {row.encoder: getattr(row, metric) for row in found.rows if row.shots == shot}
        known = [own.get(encoder, StoredMean(mean=nan)) for encoder in encoders]
        columns.append(score_cells([one.mean for one in known], [one.std for one in known], digits=1, scale=100))
    return ReportTable(
        caption=f"{found.data}: test {METRICS[metric]} in %, mean ± standard deviation over {len(found.seeds)} draws, "
        f"{found.n_test} test images",
        columns=("encoder", *(f"{shot} per class" for shot in shots)),
        rows=tuple((encoder, *(column[place] for column in columns)) for place, encoder in enumerate(encoders)),
        notes=("Bold: best of the column.",),
    )


def _differences(found: FewshotFile) -> list[Block]:
    pairs = [pair for pair in found.pairs if pair.metric == "acc"]
    if not pairs:
        return []
    table = differences_table(
        "Differences in accuracy, percentage points, paired by draw",
        ("encoder", "less", "images per class"),
        [((pair.encoder, pair.against, str(pair.shots)), pair.test) for pair in pairs],
        digits=1,
        scale=100,
    )
    return [Hidden(title=f"Which differences are shown: {len(pairs)} comparisons", blocks=(table,))]
