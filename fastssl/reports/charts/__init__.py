"""Charts as SVG that takes its colours from the page: light, dark and print are one drawing.

Covers: lines with bands, scatter plots, matrices. Does not cover: what is drawn (`fastssl.reports.sections`), colours
(`fastssl/reports/templates/page.css`). matplotlib's SVG has fixed colours; its ticks are used.
"""

from __future__ import annotations

from .line_chart import LineSeries, line_chart
from .matrix import matrix_chart
from .scatter import ScatterPoint, scatter_chart

__all__ = ["LineSeries", "ScatterPoint", "line_chart", "matrix_chart", "scatter_chart"]
