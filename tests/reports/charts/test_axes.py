"""Axes: places of values, linear and logarithmic, and the text of ticks."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.reports.charts.axes import make_axis, tick_text


def test_places_are_interpolated_between_the_ends() -> None:
    axis = make_axis([2.0, 9.0], 300, 20)
    values = np.array([2.0, 3.3, 9.0])
    places = [axis.place(value) for value in values]
    assert places == pytest.approx(np.interp(values, [axis.low, axis.high], [300, 20]))
    assert axis.low <= 2 <= 9 <= axis.high
    assert {axis.low, axis.high} <= set(axis.ticks)


def test_a_logarithmic_axis_gives_each_factor_the_same_length() -> None:
    axis = make_axis([1, 100], 0, 90, log=True, ticks=(1, 10, 100))
    assert [axis.place(value) for value in (1, 10, 100)] == pytest.approx([0, 45, 90])


@pytest.mark.parametrize("values", [[], [float("nan")], [3.0, 3.0], [0.0]])
@pytest.mark.parametrize("ticks", [None, (3.0,)])
def test_an_axis_of_one_value_or_none_has_a_length(values: list[float], ticks: tuple[float, ...] | None) -> None:
    axis = make_axis(values, 0, 100, ticks=ticks)
    assert axis.high > axis.low
    assert np.isfinite(axis.place(axis.low))


@pytest.mark.parametrize("values", [[0.8462, 0.8462], [0.84615, 0.84617], [-3.0, -3.0001], [12345.0]])
def test_ticks_of_values_that_are_alike_read_differently(values: list[float]) -> None:
    texts = [tick_text(tick) for tick in make_axis(values, 0, 100).ticks]
    assert len(texts) > 2
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (1500, "1500"), (20000, "20k"), (2e6, "2M"), (0.0005, "5e-4"), (0, "0"), (-1.5, "-1.5")],
)
def test_ticks_are_short(value: float, text: str) -> None:
    assert tick_text(value) == text
