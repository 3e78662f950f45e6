"""Curves: smoothed as NumPy does, thinned without losing what stands out."""

from __future__ import annotations

import numpy as np

from fastssl.reports.reading.run_logs import LoggedColumn
from fastssl.reports.sections.curves import smoothed, thinned


def column(values: np.ndarray) -> LoggedColumn:
    return LoggedColumn(steps=np.arange(1.0, len(values) + 1), values=values)


def test_a_smoothed_line_is_a_moving_mean_that_is_narrower_at_both_ends() -> None:
    values = np.random.default_rng(0).normal(size=200)
    found = smoothed(column(values)).values
    width = 2 * round(200 / 40 / 2) + 1
    np.testing.assert_allclose(found[2:-2], np.convolve(values, np.ones(width) / width, "valid"), atol=1e-12)
    np.testing.assert_allclose([found[0], found[1], found[-1]], [values[0], values[:3].mean(), values[-1]])


def test_what_is_not_finite_does_not_count() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(smoothed(column(values)).values, [1, 2, 3, 3, np.nan, np.nan])


def test_a_thinned_line_keeps_its_ends_and_its_peaks() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    values[1234], values[4000], values[17] = 99, -99, np.nan
    found = thinned(column(values), 100)
    assert len(found.values) <= 100
    assert {1.0, 1235.0, 4001.0, 5000.0} <= set(found.steps)
    assert (np.diff(found.steps) > 0).all()
    short = column(values[:100])
    assert thinned(short, 100) is short
