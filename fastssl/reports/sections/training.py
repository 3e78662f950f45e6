"""How training went: loss, learning rate, speed, wait for data, and the monitor's scores, by step.

Covers: the charts of each run. Does not cover: smoothing (`curves.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fastssl.training.stored_settings import CHANCE

from ..blocks import Block, Chart, ChartGrid, Lines, ReportSection, ReportTable
from ..charts import LineSeries, line_chart
from ..reading.run_logs import LoggedColumn
from ..reading.run_record import RunRecord
from .curves import smoothed, thinned

MONITORED = {
    "monitor/knn_acc": "kNN accuracy while training",
    "monitor/knn_auc": "kNN AUC while training",
    "monitor/rankme": "Effective rank of features (RankMe)",
    "monitor/alignment": "Alignment of two views",
    "monitor/uniformity": "Uniformity of features",
}
"""Records of the monitor -> title of their chart."""
_SHOWN = ("loss", "lr", "top1", "top5")
"""Metrics that have a chart of their own, or say what another one says."""
TABLE_POINTS = 8
SMOOTHED = "Line: mean over neighbouring steps; behind it, every step."


def training_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
    """
    blocks: list[Block] = []
    trained = [record for record in records if record.metrics]
    for record in trained:
        named = f"{record.label} ({record.stage})" if record.stage not in ("", record.label) else record.label
        blocks.append(Lines(title=named, lines=()))
        blocks.append(ChartGrid(charts=tuple(_charts(record))))
        blocks += _scores(record)
    return ReportSection(
        anchor="training",
        title="Training",
        lead="Each run by step, as its log has it." if blocks else "No log of any training (metrics.jsonl) is here.",
        blocks=tuple(blocks),
    )


def _charts(record: RunRecord) -> list[Chart]:
    metrics, charts = record.metrics, []
    tasks = {name: column for name, column in metrics.items() if name.endswith("/loss")}
    taking_turns = any(len(column.steps) < len(metrics["loss"].steps) for column in tasks.values() if "loss" in metrics)
    if "loss" in metrics and not taking_turns:  # steps of different tasks have no loss in common
        chance = _chance(record)
        references = {} if chance is None else {f"chance {chance:.2f}": chance}
        charts.append(_smooth_chart("Loss", metrics["loss"], "loss", references))
    charts += [_smooth_chart(f"Loss: {name.removesuffix('/loss')}", tasks[name], "loss", {}) for name in tasks]
    shares = {name: column for name, column in metrics.items() if name.endswith("/accuracy") or name == "top1"}
    if shares:
        named = {name.removesuffix("/accuracy"): column for name, column in shares.items()}
        charts.append(_several("Share of right answers while training", named, "share"))
    others = [name for name in metrics if name not in _SHOWN and "/" not in name]
    charts += [_smooth_chart(name.replace("_", " "), metrics[name], "", {}) for name in others]
    charts += [_points(title, metrics[name]) for name, title in MONITORED.items() if name in metrics]
    if "lr" in metrics:
        charts.append(_plain("Learning rate", metrics["lr"], "learning rate", "highest", np.nanmax))
    if "images_per_second" in record.speed:
        charts.append(_plain("Speed", record.speed["images_per_second"], "images per second", "median", np.nanmedian))
    if "data_wait" in record.speed:
        wait = record.speed["data_wait"]
        percent = LoggedColumn(steps=wait.steps, values=100 * wait.values)
        charts.append(_plain("Wait for data", percent, "% of the time", "median", np.nanmedian))
    return charts


def _chance(record: RunRecord) -> float | None:
    """What the loss of a guess is, as the run noted it."""
    found = re.match(r"[0-9.]+", record.facts.get(CHANCE, ""))
    return float(found[0]) if found and found[0].strip(".") else None


def _smooth_chart(title: str, column: LoggedColumn, label: str, references: Mapping[str, float]) -> Chart:
    smooth = smoothed(column)
    raw, line = thinned(column, 600), thinned(smooth, 300)
    series = [
        LineSeries(name="each step", number=0, x=raw.steps.tolist(), y=raw.values.tolist(), faint=True),
        LineSeries(name="mean", number=0, x=line.steps.tolist(), y=line.values.tolist()),
    ]
    first, last = line.values[0], line.values[-1]
    return Chart(
        title=title,
        svg=line_chart(
            series,
            summary=f"{title} by step: from {first:.3g} to {last:.3g}",
            x_label="step",
            y_label=label,
            references=references,
        ),
        note=SMOOTHED,
        table=_table({title.lower(): smooth}),
    )


def _several(title: str, columns: Mapping[str, LoggedColumn], label: str) -> Chart:
    smooth = {name: smoothed(column) for name, column in columns.items()}
    thin = {name: thinned(column, 300) for name, column in smooth.items()}
    series = [
        LineSeries(name=name, number=number, x=column.steps.tolist(), y=column.values.tolist())
        for number, (name, column) in enumerate(thin.items())
    ]
    summary = ", ".join(f"{one.name} from {one.y[0]:.3g} to {one.y[-1]:.3g}" for one in series)
    return Chart(
        title=title,
        svg=line_chart(series, summary=f"{title} by step: {summary}", x_label="step", y_label=label),
        legend={one.number: one.name for one in series} if len(series) > 1 else {},
        note="Means over neighbouring steps.",
        table=_table(smooth),
    )


def _plain(title: str, column: LoggedColumn, label: str, word: str, sum_up: Callable[[np.ndarray], float]) -> Chart:
    """A chart from 0 up; word: what `sum_up` says of all values."""
    line = thinned(column, 300)
    series = [LineSeries(name=title, number=0, x=line.steps.tolist(), y=line.values.tolist())]
    summed = f"{word} {float(sum_up(column.values)):,.4g}" if np.isfinite(column.values).any() else "no value"
    return Chart(
        title=title,
        svg=line_chart(
            series,
            summary=f"{title} by step: {summed}",
            x_label="step",
            y_label=label,
            y_range=(0.0,),
        ),
        note=f"{summed[0].upper()}{summed[1:]}.",
        table=_table({title.lower(): column}),
    )


def _points(title: str, column: LoggedColumn) -> Chart:
    series = [LineSeries(name=title, number=0, x=column.steps.tolist(), y=column.values.tolist())]
    return Chart(
        title=title,
        svg=line_chart(
            series,
            summary=f"{title}: from {column.values[0]:.3g} to {column.values[-1]:.3g}",
            x_label="step",
            y_label="score",
        ),
        table=_table({title: column}),
    )


def _table(columns: Mapping[str, LoggedColumn]) -> ReportTable:
    """Some values of each column, evenly spaced in steps."""
    longest = max(columns.values(), key=lambda column: len(column.steps))
    places = np.unique(np.linspace(0, len(longest.steps) - 1, TABLE_POINTS).round().astype(int))
    steps = longest.steps[places]
    rows = []
    for step in steps:
        nearest = [column.values[np.abs(column.steps - step).argmin()] for column in columns.values()]
        rows.append((f"{step:g}", *(f"{value:.4g}" for value in nearest)))
    return ReportTable(caption="", columns=("step", *columns), rows=tuple(rows), names=0)


def _scores(record: RunRecord) -> list[Block]:
    """What the stage's own heads have learnt."""
    if record.scores is None:
        return []
    tasks = record.scores.tasks
    names = list(dict.fromkeys(name for numbers in tasks.values() for name in numbers))
    rows = tuple((task, *(_number(numbers.get(name)) for name in names)) for task, numbers in tasks.items())
    seen = "validation images" if record.scores.split == "val" else "training images"
    caption = f"{record.label}: what the heads have learnt, on {record.scores.images} {seen}"
    columns = ("task", *(name.replace("_", " ") for name in names))
    return [ReportTable(caption=caption, columns=columns, rows=rows)]


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value or "")
