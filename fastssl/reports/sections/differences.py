"""Tables of tested differences, which all comparisons have.

Covers: the table, and that one without any test is folded away. Does not cover: what a test says in words
(`fastssl.reports.words`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from ..blocks import Block, Hidden, ReportTable
from ..reading.evaluation_files import StoredTest
from ..words import difference_row, how_adjusted

DIFFERENCE_COLUMNS = ("difference", "95 % interval", "p", "verdict")

Difference = tuple[tuple[str, ...], StoredTest]
"""Who is compared, as cells, and the test."""


def differences_table(
    caption: str, headings: tuple[str, ...], differences: Sequence[Difference], *, digits: int, scale: float = 1.0
) -> ReportTable:
    """Make the table.

    Args:
        caption: what was compared.
        headings: of the cells that say who; the first two hold names.
        differences: its rows.
        digits: after the decimal point.
        scale: what differences and intervals are multiplied by; 100 for percentage points.
    """
    return ReportTable(
        caption=caption,
        columns=(*headings, *DIFFERENCE_COLUMNS),
        rows=tuple((*names, *difference_row(test, digits=digits, scale=scale)) for names, test in differences),
        names=2,
        verdicts=True,
        notes=tuple(filter(None, (how_adjusted([test for _, test in differences]),))),
    )


def differences_blocks(
    caption: str, headings: tuple[str, ...], differences: Sequence[Difference], *, digits: int
) -> list[Block]:
    """Make the table; folded away where nothing could be tested, and none where nothing was compared.

    Args:
        caption: what was compared.
        headings: as for `differences_table`.
        differences: its rows.
        digits: after the decimal point.
    """
    if not differences:
        return []
    table = differences_table(caption, headings, differences, digits=digits)
    tests = [test for _, test in differences]
    if not all(isnan(test.p) for test in tests):
        return [table]
    return [Hidden(title=f"{caption}: not tested ({tests[0].reason or 'no p-value'})", blocks=(table,))]
