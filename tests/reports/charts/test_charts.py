"""Charts: well-formed SVG with points where the values are, and text that cannot break out of it."""

from __future__ import annotations

from math import nan
from xml.etree import ElementTree

import numpy as np
import pytest

from fastssl.reports.charts import LineSeries, ScatterPoint, line_chart, matrix_chart, scatter_chart
from fastssl.reports.charts.line_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH

NASTY = '<b>"& \u202e'


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def words(svg: str) -> list[str]:
    return [one.text or "" for one in drawn(svg).iter("text")]


def of_class(svg: str, kind: str) -> list[ElementTree.Element]:
    return [one for one in drawn(svg).iter() if kind in (one.get("class") or "").split()]


def places(element: ElementTree.Element) -> np.ndarray:
    return np.array([[float(number) for number in pair.split(",")] for pair in element.get("points", "").split()])


def test_a_line_goes_through_its_values_and_its_band_around_it() -> None:
    one = LineSeries(name="a", number=1, x=[0, 5, 10], y=[0, 2, 1], low=[0, 1, 0.5], high=[0, 4, 2])
    svg = line_chart([one], summary="s", x_label="x", y_label="y")
    (line,), (band,) = of_class(svg, "line"), of_class(svg, "band")
    assert line.get("class") == "line s1"
    down, up = HEIGHT - BOTTOM, TOP
    expected = np.interp([0, 2, 1], [0, 4], [down, up])  # 0 to 4 are round, so the axis ends there
    assert places(line) == pytest.approx(np.column_stack([[LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT], expected]))
    edge = np.interp([0, 4, 2, 0.5, 1, 0], [0, 4], [down, up])
    assert places(band)[:, 1] == pytest.approx(edge, abs=0.06)
    assert len(of_class(svg, "mark")) == 3


def test_a_line_breaks_where_a_value_is_not_finite() -> None:
    svg = line_chart(
        [LineSeries(name="a", number=0, x=range(5), y=[1, 2, nan, 3, 4])], summary="", x_label="", y_label=""
    )
    assert [len(places(line)) for line in of_class(svg, "line")] == [2, 2]
    assert len(of_class(svg, "mark")) == 4


def test_a_reference_line_lies_at_its_value() -> None:
    one = LineSeries(name="a", number=0, x=[0, 1], y=[0, 4])
    svg = line_chart([one], summary="", x_label="", y_label="", references={"chance 2": 2})
    (line,) = of_class(svg, "reference")
    assert float(line.get("y1", "")) == pytest.approx((TOP + HEIGHT - BOTTOM) / 2)
    assert "chance 2" in words(svg)


def test_shots_are_marked_where_they_are_on_a_logarithmic_axis() -> None:
    one = LineSeries(name="a", number=0, x=[1, 10, 100], y=[1, 2, 3])
    ticks = {1: "1", 10: "ten", 100: "100"}
    svg = line_chart([one], summary="", x_label="", y_label="", log_x=True, x_ticks=ticks)
    marked = {word.text: float(word.get("x", "")) for word in drawn(svg).iter("text") if word.text == "ten"}
    assert marked["ten"] == pytest.approx((LEFT + WIDTH - RIGHT) / 2, abs=0.1)


def test_points_of_a_map_keep_their_order_and_stay_inside() -> None:
    rng = np.random.default_rng(0)
    points = [
        ScatterPoint(x=x, y=y, number=number, title=f"point {number}")
        for number, (x, y) in enumerate(rng.normal(size=(9, 2)))
    ]
    root = drawn(scatter_chart(points, summary="s", small=False))
    uses = list(root.iter("use"))
    assert [use.find("title").text for use in uses] == [f"point {number}" for number in range(9)]  # type: ignore[union-attr]
    x = np.array([float(use.get("x", "")) for use in uses])
    assert np.corrcoef(x, [point.x for point in points])[0, 1] == pytest.approx(1, abs=1e-3)
    assert x.min() >= 0
    assert x.max() <= 400
    assert len({(use.get("href"), use.get("class")) for use in uses}) == 9  # classes are told by shape and colour


def test_a_matrix_shows_counts_and_the_share_of_the_row() -> None:
    svg = matrix_chart([[3, 1], [0, 4]], ["cat", "dog"], summary="s")
    assert [word for word in words(svg) if word[0].isdigit()] == ["3", "75 %", "1", "25 %", "0", "0 %", "4", "100 %"]
    shades = [float(one.get("fill-opacity", "")) for one in of_class(svg, "shade")]
    assert shades == pytest.approx([0.85 * share for share in (0.75, 0.25, 0, 1)], abs=0.01)
    assert len(of_class(svg, "right")) == 2


def test_a_matrix_of_many_classes_numbers_its_columns() -> None:
    names = [f"class {letter}" for letter in "abcdefghij"]
    said = words(matrix_chart(np.eye(10).tolist(), names, summary="s"))
    assert {*names, "1", "10"} <= set(said)


def test_no_text_can_break_out_of_a_drawing() -> None:
    charts = [
        line_chart([LineSeries(name=NASTY, number=0, x=[1], y=[1])], summary=NASTY, x_label=NASTY, y_label=NASTY),
        scatter_chart([ScatterPoint(x=0, y=0, number=0, title=NASTY)], summary=NASTY, small=True),
        matrix_chart([[1, 0], [0, 1]], [NASTY, "b"], summary=NASTY),
    ]
    for svg in charts:
        root = drawn(svg)
        assert root.get("aria-label") == '<b>"& \\u202e'
        assert root.get("role") == "img"
        assert "<b>" not in svg
