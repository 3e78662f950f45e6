"""The table of comparisons: every difference with its interval and p, and bold where it is significant."""

from __future__ import annotations

import io
from math import nan
from typing import Any

from rich.console import Console

from fastssl.evaluation.shared.differences import DifferenceRow, difference_cells, differences_table, how_tested
from fastssl.evaluation.shared.statistics import PairedTest
from fastssl.evaluation.shared.tables import TableStyle

CLEAR = PairedTest(difference=0.0412, low=0.0311, high=0.0513, p=1e-5, p_holm=0.00002, comparisons=3)
UNCLEAR = PairedTest(difference=-0.01, low=-0.03, high=0.01, p=0.05, p_holm=0.1, comparisons=3)
UNTESTED = PairedTest(difference=0.02, low=nan, high=nan, p=nan, reason="a single seed", comparisons=3)
UNDEFINED = PairedTest(difference=nan, low=nan, high=nan, p=nan, reason="undefined values", comparisons=3)


def test_cells_say_difference_interval_and_adjusted_p() -> None:
    assert difference_cells(CLEAR, digits=3) == ("+0.041", "+0.031 to +0.051", "<0.001")
    assert difference_cells(UNCLEAR, digits=1, scale=100) == ("-1.0", "-3.0 to +1.0", "0.100")


def test_cells_without_a_test_are_not_available() -> None:
    assert difference_cells(UNTESTED, digits=2) == ("+0.02", "n/a", "n/a")
    assert difference_cells(UNDEFINED, digits=2) == ("n/a", "n/a", "n/a")


def shown(*rows: DifferenceRow, **settings: Any) -> tuple[list[str], list[Any]]:
    """The table's lines of words, and the style of each row."""
    table = differences_table(
        rows, TableStyle(narrow=True), headings=("encoder", "less"), metric="AUC", digits=2, **settings
    )
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    return lines, [row.style for row in table.rows]


def test_what_is_significant_is_bold() -> None:
    lines, styles = shown(
        DifferenceRow(encoder="[a]", against="b", test=CLEAR), DifferenceRow(encoder="a", against="c", test=UNCLEAR)
    )
    assert lines == [
        "encoder less AUC 95 % interval p",
        "[a] b +0.04 +0.03 to +0.05 <0.001",
        "a c -0.01 -0.03 to +0.01 0.100",
    ]
    assert styles == ["bold", ""]


def test_conditions_and_pairs_have_columns_where_they_are_given() -> None:
    row = DifferenceRow(encoder="a", against="b", test=CLEAR, condition="10 %", pairs=5)
    lines, _ = shown(row, condition="labels", title="differences")
    assert lines[0] == "differences"
    assert lines[1:] == ["encoder less labels AUC 95 % interval p pairs", "a b 10 % +0.04 +0.03 to +0.05 <0.001 5"]


def test_the_line_under_a_table_counts_the_comparisons() -> None:
    assert how_tested([CLEAR]) == "95 % interval of each; p: paired t-test, Holm-adjusted over 3 comparisons"
    one = PairedTest(difference=0.1, low=0.05, high=0.15, p=0.01, p_holm=0.01, comparisons=1)
    assert how_tested([one]).endswith("over 1 comparison")
