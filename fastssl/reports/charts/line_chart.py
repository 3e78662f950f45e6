"""Line charts: several series, with bands, points, faint lines behind, and lines of reference.

Covers: drawing them. Does not cover: legends, which the page shows below a chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .axes import Axis, make_axis, tick_text
from .markup import SERIES, drawing, element, marker, text

WIDTH, HEIGHT = 400.0, 236.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 12.0, 40.0
FEW = 30
"""Points of a series up to which each is marked."""


@dataclass(frozen=True, kw_only=True)
class LineSeries:
    """One line.

    Attributes:
        name: of the series.
        number: tells its colour, its dashes and the shape of its points.
        x: values along, ascending.
        y: values up; a break where one is not finite.
        low: lower edge of its band, as many as `y`; empty for none.
        high: upper edge.
        faint: it stands behind the others, without points.
    """

    name: str
    number: int
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    faint: bool = False


def line_chart(
    series: Sequence[LineSeries],
    *,
    summary: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    x_ticks: Mapping[float, str] | None = None,
    references: Mapping[str, float] | None = None,
    y_range: Iterable[float] = (),
) -> str:
    """Draw a line chart.

    Args:
        series: at least one.
        summary: what the chart shows, for those who do not see it.
        x_label: below the horizontal axis.
        y_label: above the vertical axis.
        log_x: make the horizontal axis logarithmic.
        x_ticks: values to mark on it, with their text; None: round ones.
        references: text -> value of a horizontal line.
        y_range: values that the vertical axis holds besides those of the series.

    Returns:
        SVG.
    """
    references = references or {}
    ys = [value for one in series for values in (one.y, one.low, one.high) for value in values]
    down = make_axis([*ys, *references.values(), *y_range], HEIGHT - BOTTOM, TOP)
    xs = [value for one in series for value in one.x]
    along = make_axis(xs, LEFT, WIDTH - RIGHT, log=log_x, ticks=x_ticks)
    if x_ticks is None:  # the lines take the whole width
        along = Axis(
            low=min(xs, default=0.0),
            high=max(max(xs, default=1.0), min(xs, default=0.0) + 1e-9),
            begin=along.begin,
            end=along.end,
            log=False,
            ticks=tuple(tick for tick in along.ticks if min(xs, default=0.0) <= tick <= max(xs, default=1.0)),
        )
    parts = [_frame(along, down, x_label, y_label, x_ticks)]
    for name, value in references.items():
        y = down.place(value)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="reference"))
        parts.append(text(name, WIDTH - RIGHT, y - 4 if y > TOP + 14 else y + 11, "tick", "end"))
    parts += [_band(one, along, down) for one in series if len(one.low)]
    parts += [_line(one, along, down) for one in sorted(series, key=lambda one: not one.faint)]
    parts += [_points(one, along, down, y_label) for one in series if len(one.x) <= FEW and not one.faint]
    return drawing(WIDTH, HEIGHT, summary, *parts, class_="chart")


def _frame(along: Axis, down: Axis, x_label: str, y_label: str, x_ticks: Mapping[float, str] | None) -> str:
    parts = []
    for tick in down.ticks:
        y = down.place(tick)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(text(tick_text(tick), LEFT - 6, y + 4, "tick", "end"))
    for tick in along.ticks:
        x = along.place(tick)
        words = x_ticks[tick] if x_ticks else tick_text(tick)
        parts.append(element("line", x1=x, x2=x, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="axis"))
        parts.append(text(words, x, HEIGHT - BOTTOM + 16, "tick", "middle"))
    parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=down.begin, y2=down.begin, class_="axis"))
    parts.append(text(x_label, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "label", "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = element("g", text(y_label, 0, 0, "label", "middle"), transform=f"translate(11 {middle:g}) rotate(-90)")
    return "".join([*parts, turned])


def _band(one: LineSeries, along: Axis, down: Axis) -> str:
    known = [
        (along.place(x), down.place(low), down.place(high))
        for x, low, high in zip(one.x, one.low, one.high, strict=True)
        if math.isfinite(low) and math.isfinite(high)
    ]
    edge = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
    return element("polygon", points=_places(edge), class_=f"band s{one.number % SERIES}")


def _line(one: LineSeries, along: Axis, down: Axis) -> str:
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(one.x, one.y, strict=True):
        if math.isfinite(y):
            pieces[-1].append((along.place(x), down.place(y)))
        elif pieces[-1]:
            pieces.append([])
    classes = f"{'raw' if one.faint else 'line'} s{one.number % SERIES}"
    return "".join(element("polyline", points=_places(piece), class_=classes) for piece in pieces if piece)


def _points(one: LineSeries, along: Axis, down: Axis, y_label: str) -> str:
    return "".join(
        marker(one.number, along.place(x), down.place(y), f"{one.name}: {y_label} {y:.4g} at {tick_text(x)}")
        for x, y in zip(one.x, one.y, strict=True)
        if math.isfinite(y)
    )


def _places(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
