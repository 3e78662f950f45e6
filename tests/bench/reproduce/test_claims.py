"""Claims are decided by the interval of a difference, on numbers made up for each outcome."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest
from scipy import stats

from bench.reproduce.claims import decide, outcome_of
from bench.reproduce.declaration import Claim


def claim(*columns: str, **settings: Any) -> Claim:
    return Claim(text="ours is better", better="ours", worse="theirs", columns=columns, **settings)


def cells(**columns: tuple[list[float], list[float]]) -> dict:
    """Column -> (values of ours, values of theirs)."""
    return {
        row: {name: {"values": pair[place], "parts": [[] for _ in pair[place]]} for name, pair in columns.items()}
        for place, row in enumerate(("ours", "theirs"))
    }


ABOVE = ([0.90, 0.91, 0.92], [0.80, 0.80, 0.81])
BELOW = (ABOVE[1], ABOVE[0])
EITHER = ([0.90, 0.80, 0.85], [0.80, 0.90, 0.86])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.2, "reproduced"),
        (-0.2, -0.1, "refuted"),
        (-0.1, 0.1, "undecided"),
        (0.0, 0.1, "undecided"),
        (nan, nan, "undecided"),
    ],
)
def test_an_interval_above_below_or_around_zero(low: float, high: float, expected: str) -> None:
    assert outcome_of(low, high) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"a": ABOVE}, "reproduced"),
        ({"a": BELOW}, "refuted"),
        ({"a": EITHER}, "undecided"),
        ({"a": ABOVE, "b": ABOVE}, "reproduced"),
        ({"a": ABOVE, "b": EITHER}, "undecided"),
        ({"a": ABOVE, "b": BELOW}, "refuted"),
    ],
)
def test_every_column_has_to_agree(found: dict, expected: str) -> None:
    assert decide(claim(*found), cells(**found))["outcome"] == expected


def test_a_lower_number_can_be_the_better_one() -> None:
    (column,) = decide(claim("a", lower=True), cells(a=BELOW))["columns"]
    assert column["outcome"] == "reproduced"
    assert column["difference"] == pytest.approx(0.32 / 3)


def test_the_interval_is_that_of_scipy() -> None:
    (column,) = decide(claim("a"), cells(a=EITHER))["columns"]
    expected = stats.ttest_rel(*EITHER).confidence_interval(0.95)
    assert (column["low"], column["high"]) == pytest.approx(tuple(expected))


def test_columns_together_are_averaged_for_each_seed() -> None:
    found = decide(claim("a", "b", together=True), cells(a=ABOVE, b=EITHER))
    (column,) = found["columns"]
    ours = [(x + y) / 2 for x, y in zip(ABOVE[0], EITHER[0], strict=True)]
    theirs = [(x + y) / 2 for x, y in zip(ABOVE[1], EITHER[1], strict=True)]
    assert column["columns"] == ["a", "b"]
    assert (column["low"], column["high"]) == pytest.approx(
        tuple(stats.ttest_rel(ours, theirs).confidence_interval(0.95))
    )


def test_deviations_over_draws_can_decide() -> None:
    found = cells(a=EITHER)
    found["ours"]["a"]["parts"] = [[0.5, 0.5 + 2 * width] for width in (0.01, 0.02, 0.01)]
    found["theirs"]["a"]["parts"] = [[0.5, 0.5 + 2 * width] for width in (0.11, 0.12, 0.13)]
    steadier = decide(claim("a", of="deviation", lower=True), found)
    assert steadier["outcome"] == "reproduced"
    assert steadier["columns"][0]["difference"] == pytest.approx(2**0.5 * 0.32 / 3)


def test_a_row_that_is_not_there_decides_nothing() -> None:
    found = cells(a=ABOVE)
    del found["theirs"]
    assert decide(claim("a"), found) == {
        "text": "ours is better",
        "better": "ours",
        "worse": "theirs",
        "of": "mean",
        "outcome": "undecided",
        "reason": "no row theirs",
        "columns": [],
    }


def test_a_single_seed_decides_nothing() -> None:
    found = decide(claim("a"), cells(a=([0.9], [0.8])))
    assert (found["outcome"], found["columns"][0]["reason"]) == ("undecided", "a single seed")


def test_a_claim_without_numbers_for_a_column_is_not_reproduced() -> None:
    found = decide(claim("a", "b"), cells(a=ABOVE))
    assert (found["outcome"], found["reason"]) == ("undecided", "no numbers for b")
    assert [one["outcome"] for one in found["columns"]] == ["reproduced"]
    assert decide(claim("a", "b"), cells(a=BELOW))["outcome"] == "refuted"
    none = decide(claim("b", "c", together=True), cells(a=ABOVE))
    assert (none["outcome"], none["columns"]) == ("undecided", [])
