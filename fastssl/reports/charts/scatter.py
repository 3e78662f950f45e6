"""Scatter plots of points in classes, each with a shape and a colour.

Covers: drawing them. Does not cover: legends, thumbnails (`fastssl/reports/templates/page.js`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .axes import make_axis
from .markup import drawing, marker

SIDE, MARGIN = 400.0, 10.0


@dataclass(frozen=True, kw_only=True)
class ScatterPoint:
    """A point.

    Attributes:
        x: value along.
        y: value up.
        number: of its class.
        title: what it is.
    """

    x: float
    y: float
    number: int
    title: str


def scatter_chart(points: Sequence[ScatterPoint], *, summary: str, small: bool) -> str:
    """Draw a square scatter plot without axes, for the places of a map mean nothing by themselves.

    Args:
        points: at least one, in the order of their thumbnails.
        summary: what the plot shows, for those who do not see it.
        small: draw small points, for there are many.

    Returns:
        SVG.
    """
    along = make_axis([point.x for point in points], MARGIN, SIDE - MARGIN, ticks=())
    up = make_axis([point.y for point in points], SIDE - MARGIN, MARGIN, ticks=())
    drawn = [marker(one.number, along.place(one.x), up.place(one.y), one.title) for one in points]
    return drawing(SIDE, SIDE, summary, *drawn, class_="map small" if small else "map", tabindex=0)
