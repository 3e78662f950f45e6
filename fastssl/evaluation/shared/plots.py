"""How plots look: the same colours, axes, bands and legends in every evaluation. Drawn without a display.

Covers: figures, curves with bands, axes of few values, PNG files. Does not cover: what is plotted (each
evaluation's own `plots.py`). matplotlib is imported when a figure is made.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which people with any common kind of colour blindness can tell apart."""
REFERENCE: dict[str, Any] = {"color": "grey", "linewidth": 0.8, "linestyle": "--"}
"""Style of a line for a result to compare with, such as a published one."""
_BAND_OPACITY = 0.15
_DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure.

    Args:
        width: in inches.
        height: in inches.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """Return a colour for each label, in the palette's order; colours repeat where labels are more.

    Args:
        labels: as they are plotted; a label given twice keeps its first colour.
    """
    return dict(zip(dict.fromkeys(labels), cycle(PALETTE), strict=False))


def draw_band(
    axes: Axes,
    x: Sequence[float] | range,
    low: Sequence[float] | np.ndarray,
    high: Sequence[float] | np.ndarray,
    colour: str,
    opacity: float = _BAND_OPACITY,
) -> None:
    """Draw a band between two curves.

    Args:
        axes: drawn on.
        x: where the curves have values.
        low: of the curve below, as many as `x`; nan draws nothing there.
        high: of the curve above.
        colour: of the band.
        opacity: 0 to 1.
    """
    axes.fill_between(x, low, high, color=colour, alpha=opacity, linewidth=0)


def draw_curve(
    axes: Axes,
    x: Sequence[float],
    mean: Sequence[float] | np.ndarray,
    low: Sequence[float] | np.ndarray,
    high: Sequence[float] | np.ndarray,
    *,
    label: str,
    colour: str,
) -> None:
    """Draw a curve with a marker at each value and the band of its spread.

    Args:
        axes: drawn on.
        x: where there are values.
        mean: the curve, as many values as `x`.
        low: the band's lower edge.
        high: the band's upper edge.
        label: in the legend.
        colour: of curve and band.
    """
    axes.plot(x, mean, marker="o", color=colour, label=label)
    draw_band(axes, x, low, high, colour)


def use_log_axis(axes: Axes, values: Sequence[float], names: Sequence[str]) -> None:
    """Make the horizontal axis logarithmic, with a tick at each of a few values.

    Args:
        axes: changed.
        values: where the ticks are.
        names: what they are called.
    """
    axes.set_xscale("log")
    axes.set_xticks(values, names)
    axes.minorticks_off()


def finish_axes(axes: Axes, *, legend: bool = True) -> None:
    """Give axes their grid, frame and legend; called when everything is drawn.

    Args:
        axes: changed.
        legend: whether there is one.
    """
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(frameon=False, fontsize=8)


def png_of(figure: Figure) -> bytes:
    """Return a figure as the content of a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight")
    return content.getvalue()
