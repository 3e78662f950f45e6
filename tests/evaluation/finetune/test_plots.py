"""The plots show the rows' own numbers."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from fastssl.evaluation.finetune.label_efficiency import label_saving
from fastssl.evaluation.finetune.plots import draw, frozen_curves, label_efficiency, one_share
from fastssl.evaluation.finetune.report import FinetuneResult
from fastssl.evaluation.finetune.summary import FinetuneRow, FinetuneTrial
from fastssl.evaluation.finetune.trial import Epoch, TrialResult

AUC = {"mine": {0.01: 0.6, 0.1: 0.8, 1.0: 0.9}, "random init": {0.01: 0.5, 0.1: 0.6, 1.0: 0.8}}


def epoch(train_loss: float, train_acc: float, val_loss: float, val_acc: float, val_auc: float) -> Epoch:
    return Epoch(train_loss=train_loss, train_acc=train_acc, val_loss=val_loss, val_acc=val_acc, val_auc=val_auc)


CURVES = {
    ("mine", 1.0): (epoch(0.7, 0.5, 0.8, 0.4, 0.6), epoch(0.3, 0.9, 0.5, 0.7, 0.9)),
    ("random init", 1.0): (epoch(0.7, 0.5, 0.7, 0.5, 0.5), epoch(0.6, 0.6, 0.8, 0.5, 0.8)),
}


def row(encoder: str, fraction: float, auc: float) -> FinetuneRow:
    return FinetuneRow(
        encoder=encoder,
        label_fraction=fraction,
        n_train=1,
        trials=3,
        auc=auc,
        auc_std=0.02,
        acc=0.5,
        acc_std=0.1,
        best_epoch=2.0,
        train_acc=0.9,
        val_acc=0.7,
        overfitting_gap=0.2,
        accuracy_gap=0.15,
    )


def result(*, frozen: bool) -> FinetuneResult:
    rows = tuple(
        row(name, fraction, auc)
        for name, curve in AUC.items()
        for fraction, auc in curve.items()
        if fraction == 1.0 or not frozen
    )
    return FinetuneResult(
        data="cells",
        task="binary-class",
        size=28,
        n_train=100,
        n_val=20,
        n_test=30,
        recipe={"frozen": frozen, "classifier": "linear"},
        how="",
        rows=rows,
        comparisons=(),
        savings=(label_saving("mine", AUC["mine"], AUC["random init"]),),
        published=None,
        curves=CURVES,
        trials=(),
        notes=(),
        folder="",
    )


def test_auc_stands_over_label_fraction_on_a_logarithmic_axis_with_its_band() -> None:
    (axes,) = label_efficiency(result(frozen=False)).axes
    assert axes.get_xscale() == "log"
    drawn = {line.get_label(): line for line in axes.lines if line.get_label() in AUC}
    for name, curve in AUC.items():
        np.testing.assert_array_equal(drawn[name].get_xydata(), sorted(curve.items()))
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (pytest.approx(0.58), pytest.approx(0.92))
    target, crossing = (line for line in axes.lines if line.get_label().startswith("_"))
    assert set(target.get_ydata()) == {0.8}
    assert crossing.get_xydata().tolist() == [[pytest.approx(0.1), 0.8]]


def test_frozen_training_and_validation_curves_stand_in_one_plot_with_the_gap() -> None:
    accuracy, loss = frozen_curves(result(frozen=True)).axes
    lines = [line.get_ydata().tolist() for line in accuracy.lines]
    assert lines == [[0.5, 0.9], [0.4, 0.7], [0.5, 0.6], [0.5, 0.5]]
    assert [line.get_ydata().tolist() for line in loss.lines][:2] == [[0.7, 0.3], [0.8, 0.5]]
    assert loss.get_legend().get_texts()[0].get_text() == "mine: gap +0.200"
    assert accuracy.get_legend().get_texts()[0].get_text() == "mine: gap +0.150"


def test_at_one_share_every_encoder_has_a_line_with_its_trials() -> None:
    made = result(frozen=False)
    rows = tuple(row for row in made.rows if row.label_fraction == 1.0)
    trials = tuple(
        FinetuneTrial(
            encoder="mine",
            label_fraction=1.0,
            seed=seed,
            n_train=100,
            result=TrialResult(auc=auc, acc=0.5, best_epoch=1, epochs=(), notes=(), seconds=1.0),
        )
        for seed, auc in enumerate((0.85, 0.95))
    )
    (axes,) = one_share(replace(made, rows=rows, trials=trials, published=(0.944, 0.854))).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mine", "random init"]
    means = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "o"]
    assert means == [[[0.9, 0]], [[0.8, 1]]]
    assert axes.lines[0].get_xydata().tolist() == [[0.85, 0], [0.95, 0]]
    assert any(set(line.get_xdata()) == {0.944} for line in axes.lines)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_plot_is_a_png_file_even_where_nothing_is_known(frozen: bool) -> None:
    made = result(frozen=frozen)
    unknown = tuple(
        replace(row, **{n: nan for n, value in vars(row).items() if isinstance(value, float) and value < 1})
        for row in made.rows
    )
    for rows in (made.rows,) if frozen else (unknown[2:3], unknown):
        assert draw(replace(made, rows=rows, savings=())).startswith(b"\x89PNG")
