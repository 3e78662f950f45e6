"""Statistics over seeds against scipy and against numbers worked out by hand."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from scipy import stats

from fastssl.evaluation.comparison import holm, paired_test, spread

FIRST, SECOND = [0.5, 0.6, 0.8, 0.7, 0.65], [0.45, 0.62, 0.7, 0.6, 0.6]


def test_the_interval_is_student_s() -> None:
    found = spread([1.0, 2.0, 3.0])
    assert (found.mean, found.std) == (2, 1)
    assert found.high - 2 == pytest.approx(4.302653 / 3**0.5)  # t of 2 degrees of freedom, from a printed table
    low, high = stats.t.interval(0.95, 4, loc=np.mean(FIRST), scale=stats.sem(FIRST))
    assert (spread(FIRST).low, spread(FIRST).high) == (pytest.approx(low), pytest.approx(high))


def test_the_paired_test_is_scipy_s() -> None:
    found, expected = paired_test(FIRST, SECOND), stats.ttest_rel(FIRST, SECOND)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-12)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.difference == pytest.approx(0.056)


def test_pairing_finds_what_is_the_same_in_every_seed() -> None:
    second = np.array(FIRST) - 0.01 + np.array([1, -1, 1, -1, 0]) * 1e-3
    assert paired_test(FIRST, second).p < 1e-3
    assert stats.ttest_ind(FIRST, second).pvalue > 0.5


def test_differences_that_are_all_equal_are_certain_or_nothing() -> None:
    assert paired_test([0.5, 0.75], [0.25, 0.5]).p == 0
    assert paired_test(FIRST, FIRST).p == 1


def test_a_single_seed_has_a_mean_and_nothing_else() -> None:
    found = spread([0.7])
    assert found.mean == 0.7
    assert all(isnan(value) for value in (found.std, found.low, found.high, paired_test([0.7], [0.6]).p))


def test_an_undefined_value_makes_all_undefined() -> None:
    assert isnan(spread([0.5, float("nan")]).mean)
    assert isnan(paired_test(FIRST, [*SECOND[:4], float("nan")]).p)


def test_holm_s_adjustment_by_hand() -> None:
    """0.01 x 4; 0.02 x 3; 0.03 x 2; 0.04 x 1, raised to the one before it."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    adjusted = holm([0.01, float("nan"), 0.03])
    assert adjusted[0] == pytest.approx(0.02)
    assert isnan(adjusted[1])
