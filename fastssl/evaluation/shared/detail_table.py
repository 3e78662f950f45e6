"""How the details of test scores are shown and written: a table, results per class in a line, cells of CSV files.

Covers: all evaluations that classify. Does not cover: computing details (`detail.py`), other tables (each evaluation's
own `report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from rich.table import Table

from fastssl.data.labels.counts import shortened

from .bootstrap import RESAMPLES
from .detail import MetricDetail
from .partition import Part
from .report import NOT_AVAILABLE, number_cell
from .tables import TableStyle, add_name_column, add_number_columns, add_row, new_table

_MEANS = ("balanced_acc", "kappa", "ece")
_INTERVALS = ("auc_low", "auc_high", "acc_low", "acc_high")


@dataclass(frozen=True, kw_only=True)
class DetailRow:
    """A line of a table of details.

    Attributes:
        names: what was scored, one for each heading of the table.
        detail: its details.
        bold: whether the row stands out.
    """

    names: tuple[str, ...]
    detail: MetricDetail
    bold: bool = False


def detail_table(rows: Sequence[DetailRow], style: TableStyle, *, headings: Sequence[str], title: str = "") -> Table:
    """Return balanced accuracy, kappa, calibration error and intervals; columns without any number are left out.

    Args:
        rows: at least one.
        style: how the table is drawn.
        headings: of the columns of names.
        title: text above the table.
    """
    columns = {
        "bal. ACC": [number_cell(row.detail.balanced_acc) for row in rows],
        "kappa": [number_cell(row.detail.kappa) for row in rows],
        "cal. error": [number_cell(row.detail.ece) for row in rows],
        "AUC 95 %": [interval_cell(row.detail.auc_low, row.detail.auc_high) for row in rows],
        "ACC 95 %": [interval_cell(row.detail.acc_low, row.detail.acc_high) for row in rows],
    }
    shown = {heading: cells for heading, cells in columns.items() if any(cell != NOT_AVAILABLE for cell in cells)}
    table = new_table(style, title)
    for heading in headings:
        add_name_column(table, heading)
    add_number_columns(table, shown)
    for place, row in enumerate(rows):
        add_row(table, style, [*row.names, *(cells[place] for cells in shown.values())], bold=row.bold)
    return table


def class_line(what: str, detail: MetricDetail, class_names: Sequence[str], task: str) -> str:
    """Return the results per class in one line, numbers first; of several labels, sensitivity and specificity.

    Args:
        what: was scored.
        detail: its details.
        class_names: by class index, as far as they are known; they may have commas in them.
        task: kind of labels, as MedMNIST names it.
    """
    recall, specificity = (
        [number_cell(value, digits=2) for value in values] for values in (detail.recall, detail.specificity)
    )
    names = [f"class {name}" if name.isdigit() else name for name in _names(detail, class_names)]
    if task == "multi-label, binary-class":
        found = [f"{own}/{others} {name}" for name, own, others in zip(names, recall, specificity, strict=True)]
        return f"sensitivity/specificity per label, {what}: {shortened(found)}"
    found = [f"{own} {name}" for name, own in zip(names, recall, strict=True)]
    return f"recall per class, {what}: {shortened(found)}"


def interval_note(test: Part) -> str:
    """Return what the intervals are, as one line.

    Args:
        test: the images that were resampled.
    """
    units = "test images" if test.groups is None else f"the {len(np.unique(test.groups))} patients of the test images"
    return f"AUC 95 %, ACC 95 %: percentiles of {RESAMPLES} bootstrap resamples of {units}"


def detail_cells(detail: MetricDetail | None) -> dict[str, Any]:
    """Return the details as cells of a CSV file, by column name; nan where there are none.

    Args:
        detail: of a row; None where it has none, as a published result.
    """
    return {name: nan if detail is None else getattr(detail, name) for name in (*_MEANS, *_INTERVALS)}


def mean_cells(detail: MetricDetail | None) -> dict[str, Any]:
    """Return the means of details over seeds as cells of a CSV file, by column name; nan where there are none.

    Args:
        detail: as `mean_detail` returns it.
    """
    return {name: nan if detail is None else getattr(detail, name) for name in _MEANS}


def class_cells(what: Mapping[str, Any], detail: MetricDetail, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results per class as rows of a CSV file; with the images by answer, where one classifier gave them.

    Args:
        what: cells that say what was scored, the same in every row.
        detail: its details.
        class_names: by class index, as far as they are known.
    """
    rows: list[dict[str, Any]] = []
    for index, name in enumerate(_names(detail, class_names)):
        own = {"class": index, "name": name, "recall": detail.recall[index], "specificity": detail.specificity[index]}
        counts = () if detail.confusion is None else detail.confusion[index]
        rows.append({**what, **own, **{f"taken_for_{answer}": count for answer, count in enumerate(counts)}})
    return rows


def _names(detail: MetricDetail, class_names: Sequence[str]) -> list[str]:
    """The classes' names; their numbers where they have none."""
    return [class_names[index] if index < len(class_names) else str(index) for index in range(len(detail.recall))]


def interval_cell(low: float, high: float) -> str:
    """Return an interval as a cell of a table.

    Args:
        low: its lower end; nan where there is none.
        high: its upper end.
    """
    return NOT_AVAILABLE if isnan(low) else f"{low:.3f} to {high:.3f}"
