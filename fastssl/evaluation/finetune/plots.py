"""The plots of a fine-tuning comparison.

Covers: AUC over label fraction with a band of one standard deviation, or of every encoder where there is but one
fraction; training and validation curves with the overfitting gap. Does not cover: what they show (`summary.py`),
colours and axes (`fastssl.evaluation.shared.plots`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from fastssl.evaluation.shared.plots import (
    REFERENCE,
    colours_of,
    draw_band,
    draw_curve,
    finish_axes,
    new_figure,
    png_of,
    use_log_axis,
)
from fastssl.lettering import Lettering, lettering_for

from .label_efficiency import percent
from .report import FinetuneResult
from .summary import FinetuneRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_LINE = 140
"""Characters of a line under a plot."""
CURVE_OPACITY = 0.12
"""Of the band between training and validation curve."""


def draw(result: FinetuneResult) -> bytes:
    """Return the comparison's plot, as the content of a PNG file."""
    shares = {row.label_fraction for row in result.rows}
    plot = frozen_curves if result.frozen else label_efficiency if len(shares) > 1 else one_share
    with lettering_of(result).applied():
        return png_of(plot(result))


def lettering_of(result: FinetuneResult) -> Lettering:
    """Return the fonts that the names in a plot are drawn in."""
    return lettering_for([result.data, *(row.encoder for row in result.rows)])


def label_efficiency(result: FinetuneResult) -> Figure:
    """Return AUC over label fraction, a curve for every encoder; dashed, random initialisation's AUC on all labels."""
    letters = lettering_of(result)
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    for encoder, colour in _colours(result).items():
        rows = sorted((row for row in result.rows if row.encoder == encoder), key=lambda row: row.label_fraction)
        _draw_auc(axes, rows, letters.drawn(encoder), colour)
    for saved in (saved for saved in result.savings if not isnan(saved.target)):
        axes.axhline(saved.target, **REFERENCE)
        if saved.fraction is not None and not saved.at_least:
            axes.plot(saved.fraction, saved.target, marker="x", color="black", markersize=7)
    fractions = sorted({row.label_fraction for row in result.rows})
    use_log_axis(axes, fractions, [percent(fraction) for fraction in fractions])
    axes.set(
        xlabel=f"share of the {result.n_train} labels",
        ylabel="test AUC",
        title=f"{letters.drawn(result.data)}, fine-tuned",
    )
    finish_axes(axes)
    if result.savings:  # under the axes, where no curve can be
        lines = "\n".join(letters.drawn(saved.text, LONGEST_LINE) for saved in result.savings)
        figure.text(0.5, -0.02, lines, ha="center", va="top", fontsize=8)
    return figure


def one_share(result: FinetuneResult) -> Figure:
    """Return AUC of every encoder on the one share of labels: mean, deviation, each trial; dashed, published."""
    letters = lettering_of(result)
    figure = new_figure(6.4, 1.2 + 0.4 * len(result.rows))
    axes = figure.subplots()
    for place, (row, colour) in enumerate(zip(result.rows, _colours(result).values(), strict=True)):
        trials = [trial.result.auc for trial in result.trials if trial.encoder == row.encoder]
        axes.plot(trials, [place] * len(trials), marker="|", linestyle="", color=colour, markersize=12)
        axes.errorbar(row.auc, place, xerr=np.nan_to_num(row.auc_std), fmt="o", color=colour, capsize=3)
    if result.published is not None:
        axes.axvline(result.published[0], **REFERENCE, label="published ResNet-18")
    axes.set_yticks(range(len(result.rows)), [letters.drawn(row.encoder) for row in result.rows])
    axes.invert_yaxis()
    labels = f"{percent(result.rows[0].label_fraction)} of {result.n_train} labels"
    axes.set(xlabel="test AUC", title=f"{letters.drawn(result.data)}, fine-tuned on {labels}")
    finish_axes(axes, legend=result.published is not None)
    return figure


def frozen_curves(result: FinetuneResult) -> Figure:
    """Return accuracy and loss over epochs on the largest share of labels: training dashed, validation solid."""
    letters = lettering_of(result)
    figure = new_figure(10, 4.2)
    accuracy, loss = figure.subplots(1, 2)
    largest = max(row.label_fraction for row in result.rows)
    for encoder, colour in _colours(result).items():
        epochs = result.curves[encoder, largest]
        row = result.row(encoder, largest)
        count = range(1, len(epochs) + 1)
        for axes, kind, gap in ((accuracy, "acc", row.accuracy_gap), (loss, "loss", row.overfitting_gap)):
            values = {part: [getattr(epoch, f"{part}_{kind}") for epoch in epochs] for part in ("train", "val")}
            axes.plot(count, values["train"], color=colour, linestyle="--", linewidth=1)
            axes.plot(count, values["val"], color=colour, label=f"{letters.drawn(encoder)}: gap {gap:+.3f}")
            draw_band(axes, count, values["train"], values["val"], colour, CURVE_OPACITY)
    accuracy.set(xlabel="epoch", ylabel="accuracy", title="gap: training less validation accuracy")
    loss.set(xlabel="epoch", ylabel="log loss", title="overfitting gap: validation less training loss")
    for axes in (accuracy, loss):
        finish_axes(axes)
    figure.suptitle(
        f"{letters.drawn(result.data)}, frozen encoder, {result.recipe['classifier']} classifier; "
        "training dashed, validation solid"
    )
    figure.tight_layout()
    return figure


def _colours(result: FinetuneResult) -> dict[str, str]:
    return colours_of(row.encoder for row in result.rows)


def _draw_auc(axes: Axes, rows: Sequence[FinetuneRow], encoder: str, colour: str) -> None:
    fraction, mean = ([getattr(row, name) for row in rows] for name in ("label_fraction", "auc"))
    deviation = np.nan_to_num([row.auc_std for row in rows])
    draw_curve(axes, fraction, mean, mean - deviation, mean + deviation, label=encoder, colour=colour)
