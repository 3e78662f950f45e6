"""What the numbers say of a paper's claims.

Covers: "reproduced", "refuted" or "undecided", by the 95 % interval of a difference over seeds. Does not cover: which
claims there are (the tables), the interval itself (fastssl's statistics).

Intervals are not adjusted for the number of columns. A claim of several columns is reproduced where every one of them
says so, and refuted where any of them does. One that lacks numbers for a column is not reproduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from statistics import fmean, stdev
from typing import Any

from bench.reproduce.declaration import Claim
from fastssl.evaluation.shared.statistics import paired_t_test

REPRODUCED, REFUTED, UNDECIDED = "reproduced", "refuted", "undecided"

Cells = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Row -> column -> "values" of the seeds and "parts" of each seed."""


def decide(claim: Claim, cells: Cells) -> dict[str, Any]:
    """Hold a claim against the numbers.

    Args:
        claim: what the paper says.
        cells: what was measured.

    Returns:
        The claim with its "outcome", and under "columns" what every column, or all of them together, said: a
        difference above 0 speaks for the claim.
    """
    content = {"text": claim.text, "better": claim.better, "worse": claim.worse, "of": claim.of}
    missing = [row for row in (claim.better, claim.worse) if row not in cells]
    if missing:
        return {**content, "outcome": UNDECIDED, "reason": f"no row {missing[0]}", "columns": []}
    columns = [name for name in claim.columns if _has(cells, claim, name)]
    lacking = [name for name in claim.columns if name not in columns]
    groups = [tuple(columns)] if claim.together and columns else [(name,) for name in columns]
    found = [_compare(claim, cells, group) for group in groups]
    content["outcome"] = _together([*(one["outcome"] for one in found), *([UNDECIDED] if lacking else [])])
    reason = {"reason": f"no numbers for {', '.join(lacking)}"} if lacking else {}
    return {**content, **reason, "columns": found}


def outcome_of(low: float, high: float) -> str:
    """Return what an interval of a difference says; nan where there is none."""
    if low > 0:
        return REPRODUCED
    return REFUTED if high < 0 else UNDECIDED


def _compare(claim: Claim, cells: Cells, columns: Sequence[str]) -> dict[str, Any]:
    better, worse = (_by_seed(claim, cells[row], columns) for row in (claim.better, claim.worse))
    test = paired_t_test(worse, better) if claim.lower else paired_t_test(better, worse)
    return {
        "columns": list(columns),
        "difference": test.difference,
        "low": test.low,
        "high": test.high,
        "outcome": outcome_of(test.low, test.high),
        **({"reason": test.reason} if test.reason else {}),
    }


def _by_seed(claim: Claim, row: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> list[float]:
    """The mean over the columns, or of the deviations in them, for each seed."""
    if claim.of == "mean":
        return [fmean(values) for values in zip(*(row[name]["values"] for name in columns), strict=True)]
    deviations = [[_deviation(parts) for parts in row[name]["parts"]] for name in columns]
    return [fmean(values) for values in zip(*deviations, strict=True)]


def _deviation(parts: Sequence[float]) -> float:
    return stdev(parts) if len(parts) > 1 else nan


def _has(cells: Cells, claim: Claim, column: str) -> bool:
    return column in cells[claim.better] and column in cells[claim.worse]


def _together(outcomes: Sequence[str]) -> str:
    if REFUTED in outcomes:
        return REFUTED
    return UNDECIDED if UNDECIDED in outcomes else REPRODUCED
