"""Tables of differences: shown where something was tested, folded where nothing was."""

from __future__ import annotations

from math import nan

from fastssl.reports.blocks import Hidden, ReportTable
from fastssl.reports.reading.evaluation_files import StoredTest
from fastssl.reports.sections.differences import differences_blocks

TESTED = StoredTest(difference=0.1, low=0.05, high=0.15, p=0.01, p_holm=0.02, comparisons=2)
UNTESTED = StoredTest(difference=0.1, p=nan, reason="a single seed")
HEADINGS = ("run", "less")


def test_one_test_among_others_shows_the_table() -> None:
    rows = [(("a", "b"), TESTED), (("a", "c"), UNTESTED)]
    (table,) = differences_blocks("Differences", HEADINGS, rows, digits=3)
    assert isinstance(table, ReportTable)
    assert [row[:3] for row in table.rows] == [("a", "b", "+0.100"), ("a", "c", "+0.100")]
    assert "Holm-adjusted over 2 comparisons" in table.notes[0]


def test_differences_without_any_test_are_folded_with_the_reason() -> None:
    (folded,) = differences_blocks("Differences", HEADINGS, [(("a", "b"), UNTESTED)], digits=3)
    assert isinstance(folded, Hidden)
    assert folded.title == "Differences: not tested (a single seed)"
    assert not differences_blocks("Differences", HEADINGS, [], digits=3)
