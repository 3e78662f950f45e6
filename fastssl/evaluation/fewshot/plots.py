"""The plot of a few-shot comparison.

Covers: accuracy over shots, a curve per encoder, with the mean's 95 % interval as its band. Does not cover: what it
shows (`summary.py`), how any plot looks (`fastssl.evaluation.shared.plots`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastssl.evaluation.shared.plots import colours_of, draw_curve, finish_axes, new_figure, png_of, use_log_axis
from fastssl.lettering import Lettering, lettering_for

from .report import FewshotResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_fewshot(result: FewshotResult) -> bytes:
    """Return the plot as the content of a PNG file.

    Args:
        result: what is plotted.
    """
    letters = lettering_of(result)
    with letters.applied():
        return png_of(_figure(result, letters))


def lettering_of(result: FewshotResult) -> Lettering:
    """Return the fonts that the names in a plot are drawn in."""
    return lettering_for([result.data, *result.encoders])


def _figure(result: FewshotResult, letters: Lettering) -> Figure:
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    for encoder, colour in colours_of(result.encoders).items():
        spreads = [result.row(encoder, shots).acc for shots in result.shots]
        mean, low, high = (100 * np.array([getattr(one, name) for one in spreads]) for name in ("mean", "low", "high"))
        draw_curve(axes, result.shots, mean, low, np.minimum(high, 100), label=letters.drawn(encoder), colour=colour)
        if len(result.shots) == 1:
            axes.errorbar(result.shots, mean, yerr=high - mean, color=colour, capsize=3)
    use_log_axis(axes, result.shots, [str(shots) for shots in result.shots])
    axes.set(
        xlabel="labelled images per class",
        ylabel="test accuracy, %",
        title=f"{letters.drawn(result.data)}: mean and 95 % interval over {len(result.seeds)} seeds",
    )
    finish_axes(axes)
    return figure
