"""Confusion matrices: how many images of each class were called what.

Covers: drawing them side by side, with tables. Does not cover: counting, which evaluations do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..blocks import Block, Chart, ChartGrid, ReportTable
from ..charts import matrix_chart
from ..words import share_text

MOST_CLASSES = 20
"""Classes up to which a matrix can be read."""

Counts = Sequence[Sequence[float]]


def confusion_block(found: Mapping[str, tuple[Counts, Sequence[str]]], what: str) -> list[Block]:
    """Draw confusion matrices.

    Args:
        found: label -> (counts `[K, K]`, rows of true classes; names of the classes, which may be too few).
        what: classified which images.

    Returns:
        A block; none where there is no matrix that can be read.
    """
    charts = tuple(
        _chart(label, counts, [*names, *(f"class {place}" for place in range(len(names), len(counts)))], what)
        for label, (counts, names) in found.items()
        if 2 <= len(counts) <= MOST_CLASSES and all(len(row) == len(counts) for row in counts)
    )
    return [ChartGrid(charts=charts)] if charts else []


def _chart(label: str, counts: Counts, names: Sequence[str], what: str) -> Chart:
    right = sum(row[place] for place, row in enumerate(counts))
    whole = sum(sum(row) for row in counts)
    table = ReportTable(
        caption="true class by row, predicted class by column",
        columns=("true", *names, "share right"),
        rows=tuple(
            (names[place], *(f"{count:g}" for count in row), share_text(row[place] / sum(row)) if sum(row) else "")
            for place, row in enumerate(counts)
        ),
    )
    columns = "; ".join(f"{place} {name}" for place, name in enumerate(names, start=1))
    return Chart(
        title=f"{label}: confusion matrix",
        svg=matrix_chart(counts, names, summary=f"{label}: {right:g} of {whole:g} images called rightly, {what}"),
        note=f"{what[0].upper()}{what[1:]}; {right:g} of {whole:g} right. Shares are of the row. Columns: {columns}.",
        table=table,
    )
