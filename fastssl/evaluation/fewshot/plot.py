"""The plot of a few-shot comparison.

Covers: accuracy over shots, a line an encoder, banded by the mean's 95 % interval. Does not cover: what it shows
(`fewshot.py`). Drawn without a display.
"""

from __future__ import annotations

import io
from itertools import cycle

import numpy as np

from .report import FewshotResult

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which colour-blind people can tell apart."""


def draw(result: FewshotResult) -> bytes:
    """The plot as a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4))
    axes = figure.subplots()
    for encoder, colour in zip(result.encoders, cycle(COLOURS), strict=False):
        spreads = [result.row(encoder, shots).acc for shots in result.shots]
        mean, low, high = (100 * np.array([getattr(one, name) for one in spreads]) for name in ("mean", "low", "high"))
        axes.plot(result.shots, mean, marker="o", color=colour, label=encoder)
        axes.fill_between(result.shots, low, np.minimum(high, 100), color=colour, alpha=0.15, linewidth=0)
        if len(result.shots) == 1:
            axes.errorbar(result.shots, mean, yerr=high - mean, color=colour, capsize=3)
    axes.set_xscale("log")
    axes.set_xticks(result.shots, [str(shots) for shots in result.shots])
    axes.minorticks_off()
    axes.set(
        xlabel="labelled images a class",
        ylabel="test accuracy, %",
        title=f"{result.data}: mean and 95 % interval over {len(result.seeds)} seeds",
    )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150, bbox_inches="tight")
    return content.getvalue()
