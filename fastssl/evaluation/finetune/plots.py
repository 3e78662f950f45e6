"""The plots of a fine-tuning comparison.

Covers: AUC over label fraction with a band of one standard deviation, or of every contender where there is but one
fraction; training and validation curves with the overfitting gap. Does not cover: what they show (`summary.py`). Drawn
without a display.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from .label_efficiency import percent
from .report import FinetuneResult
from .summary import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which colour-blind people can tell apart."""


def draw(result: FinetuneResult) -> bytes:
    """The comparison's plot, as a PNG file."""
    shares = {row.label_fraction for row in result.rows}
    figure = (frozen_curves if result.frozen else label_efficiency if len(shares) > 1 else one_share)(result)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150, bbox_inches="tight")
    return content.getvalue()


def label_efficiency(result: FinetuneResult) -> Figure:
    """AUC over label fraction, a line for every contender; dashed, random initialisation's AUC on all labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4))
    axes = figure.subplots()
    for contender, colour in zip(_contenders(result), cycle(COLOURS), strict=False):
        rows = sorted((row for row in result.rows if row.contender == contender), key=lambda row: row.label_fraction)
        _draw_curve(axes, rows, contender, colour)
    for saved in (saved for saved in result.savings if not isnan(saved.target)):
        axes.axhline(saved.target, color="grey", linewidth=0.8, linestyle="--")
        if saved.fraction is not None and not saved.at_least:
            axes.plot(saved.fraction, saved.target, marker="x", color="black", markersize=7)
    fractions = sorted({row.label_fraction for row in result.rows})
    axes.set_xscale("log")
    axes.set_xticks(fractions, [percent(fraction) for fraction in fractions])
    axes.minorticks_off()
    axes.set(xlabel=f"share of the {result.n_train} labels", ylabel="test AUC", title=f"{result.data}, fine-tuned")
    axes.legend(frameon=False, fontsize=8)
    _tidy(axes)
    if result.savings:  # under the axes, where no curve can be
        figure.text(0.5, -0.02, "\n".join(saved.text for saved in result.savings), ha="center", va="top", fontsize=8)
    return figure


def one_share(result: FinetuneResult) -> Figure:
    """AUC of every contender on the one share of labels: mean, standard deviation, each trial; dashed, published."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 1.2 + 0.4 * len(result.rows)))
    axes = figure.subplots()
    for place, (row, colour) in enumerate(zip(result.rows, cycle(COLOURS), strict=False)):
        trials = [trial.outcome.auc for trial in result.trials if trial.contender == row.contender]
        axes.plot(trials, [place] * len(trials), marker="|", linestyle="", color=colour, markersize=12)
        axes.errorbar(row.auc, place, xerr=np.nan_to_num(row.auc_std), fmt="o", color=colour, capsize=3)
    if result.published is not None:
        axes.axvline(result.published[0], color="grey", linewidth=0.8, linestyle="--", label="published ResNet-18")
        axes.legend(frameon=False, fontsize=8)
    axes.set_yticks(range(len(result.rows)), [row.contender for row in result.rows])
    axes.invert_yaxis()
    labels = f"{percent(result.rows[0].label_fraction)} of {result.n_train} labels"
    axes.set(xlabel="test AUC", title=f"{result.data}, fine-tuned on {labels}")
    _tidy(axes)
    return figure


def frozen_curves(result: FinetuneResult) -> Figure:
    """Accuracy and loss over epochs on the largest share of labels: training dashed, validation solid."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2))
    accuracy, loss = figure.subplots(1, 2)
    largest = max(row.label_fraction for row in result.rows)
    for contender, colour in zip(_contenders(result), cycle(COLOURS), strict=False):
        epochs = result.curves[contender, largest]
        row = result.row(contender, largest)
        count = range(1, len(epochs) + 1)
        for axes, kind, gap in ((accuracy, "acc", row.accuracy_gap), (loss, "loss", row.overfitting_gap)):
            values = {part: [getattr(epoch, f"{part}_{kind}") for epoch in epochs] for part in ("train", "val")}
            axes.plot(count, values["train"], color=colour, linestyle="--", linewidth=1)
            axes.plot(count, values["val"], color=colour, label=f"{contender}: gap {gap:+.3f}")
            axes.fill_between(count, values["train"], values["val"], color=colour, alpha=0.12, linewidth=0)
    accuracy.set(xlabel="epoch", ylabel="accuracy", title="gap: training less validation accuracy")
    loss.set(xlabel="epoch", ylabel="log loss", title="overfitting gap: validation less training loss")
    for axes in (accuracy, loss):
        axes.legend(frameon=False, fontsize=8)
        _tidy(axes)
    figure.suptitle(
        f"{result.data}, frozen encoder, {result.recipe['classifier']} classifier; training dashed, validation solid"
    )
    figure.tight_layout()
    return figure


def _contenders(result: FinetuneResult) -> list[str]:
    return list(dict.fromkeys(row.contender for row in result.rows))


def _draw_curve(axes: Axes, rows: Sequence[Row], contender: str, colour: str) -> None:
    fraction, mean = ([getattr(row, name) for row in rows] for name in ("label_fraction", "auc"))
    deviation = np.nan_to_num([row.auc_std for row in rows])
    axes.plot(fraction, mean, marker="o", color=colour, label=contender)
    axes.fill_between(fraction, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)


def _tidy(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
