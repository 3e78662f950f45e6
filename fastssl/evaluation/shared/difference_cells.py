"""Differences of encoders as every evaluation's table shows them.

Covers: the text of a difference, its interval and its p-value, and how they were tested. Does not cover: the tables,
the numbers (`statistics.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from .statistics import PairedTest

HEADINGS = ("95 % interval", "p")
"""Of the columns after the difference itself."""


def difference_cells(test: PairedTest, *, digits: int, scale: float = 1.0) -> tuple[str, str, str]:
    """The difference, its interval and its adjusted p-value; n/a where there is none.

    Args:
        digits: after the decimal point of difference and interval, which are multiplied by `scale`.
    """
    difference, low, high = (f"{scale * value:+.{digits}f}" for value in (test.difference, test.low, test.high))
    if isnan(test.p):
        return ("n/a" if isnan(test.difference) else difference), "n/a", "n/a"
    p = "<0.001" if test.p_holm < 0.001 else f"{test.p_holm:.3f}"
    return difference, f"{low} to {high}", p


def how_tested(family: Sequence[PairedTest]) -> str:
    """What intervals and p-values of `family` are, as one line under its table."""
    count = family[0].comparisons
    return f"95 % interval of each; p: paired t-test, Holm-adjusted over {count} comparison{'s' * (count != 1)}"
