"""Differences of encoders as every evaluation shows them.

Covers: the table of comparisons, the text of a difference, its interval and its p-value, and how they were tested. Does
not cover: the numbers (`statistics.py`), the other tables (`report.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from rich.table import Table

from .report import NOT_AVAILABLE, number_cell
from .statistics import PairedTest
from .tables import TableStyle, add_name_column, add_number_columns, add_row, new_table

HEADINGS = ("95 % interval", "p")
"""Of the columns after the difference itself."""


@dataclass(frozen=True, kw_only=True)
class DifferenceRow:
    """A line of a table of comparisons.

    Attributes:
        encoder: label of the encoder whose result comes first in the difference.
        against: label of the encoder whose result is subtracted.
        test: the difference and its test.
        condition: what both were given, such as a number of images; shown before the difference where it is.
        pairs: how many pairs were tested; shown last where it is given.
    """

    encoder: str
    against: str
    test: PairedTest
    condition: str = ""
    pairs: int | None = None


def differences_table(
    rows: Sequence[DifferenceRow],
    style: TableStyle,
    *,
    headings: tuple[str, str],
    metric: str,
    condition: str = "",
    digits: int,
    scale: float = 1.0,
    title: str = "",
) -> Table:
    """Return a table of comparisons, each with its interval and adjusted p-value; bold where that is below 0.05.

    Args:
        rows: at least one; all of them have a condition or none has, and likewise for pairs.
        style: how the table is drawn.
        headings: of the columns of the two encoders.
        metric: heading of the differences, such as "AUC".
        condition: heading of the conditions.
        digits: of differences and intervals, after the decimal point.
        scale: what differences and intervals are multiplied by; 100 for percentage points.
        title: text above the table.
    """
    table = new_table(style, title)
    for heading in headings:
        add_name_column(table, heading)
    counted = rows[0].pairs is not None
    add_number_columns(table, [*filter(None, [condition]), metric, *HEADINGS, *(["pairs"] if counted else [])])
    for row in rows:
        cells = [*filter(None, [row.condition]), *difference_cells(row.test, digits=digits, scale=scale)]
        cells += [str(row.pairs)] if counted else []
        add_row(table, style, [row.encoder, row.against, *cells], bold=row.test.significant)
    return table


def difference_cells(test: PairedTest, *, digits: int, scale: float = 1.0) -> tuple[str, str, str]:
    """Return the difference, its interval and its adjusted p-value as text; n/a where there is none.

    Args:
        test: the comparison.
        digits: of difference and interval, after the decimal point.
        scale: what difference and interval are multiplied by.
    """
    difference, low, high = (
        number_cell(value, digits=digits, scale=scale, sign="+") for value in (test.difference, test.low, test.high)
    )
    if isnan(test.p):
        return difference, NOT_AVAILABLE, NOT_AVAILABLE
    p = "<0.001" if test.p_holm < 0.001 else f"{test.p_holm:.3f}"
    return difference, f"{low} to {high}", p


def how_tested(family: Sequence[PairedTest]) -> str:
    """Return what intervals and p-values are, as one line for under their table.

    Args:
        family: the tests that were adjusted together, at least one.
    """
    count = family[0].comparisons
    return f"95 % interval of each; p: paired t-test, Holm-adjusted over {count} comparison{'s' * (count != 1)}"
