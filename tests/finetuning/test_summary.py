"""Means, deviations, pairs, curves and gaps against numbers worked out by hand."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest
from scipy import stats

from fastssl.evaluation.contenders import Contender
from fastssl.finetuning.line_up import line_up
from fastssl.finetuning.summary import Trial, comparisons, mean_epochs, savings, summed_up
from fastssl.finetuning.trial import Epoch, Outcome
from fastssl.models.encoder import EncoderSpec, create_encoder

SPEC = EncoderSpec("test_resnet", 1, 16)
ENTRANTS = line_up([Contender("mine", create_encoder("test_resnet", 1, 16), SPEC)], size=16)


def outcome(auc: float, acc: float = 0.5, curve: list[tuple[float, ...]] | None = None) -> Outcome:
    return Outcome(auc, acc, 1, tuple(Epoch(*point) for point in curve or [(0.3, 0.9, 0.5, 0.7, 0.8)]), (), 1.0)


def trials(auc: dict[tuple[str, float], list[float]]) -> list[Trial]:
    return [
        Trial(contender, fraction, seed, round(100 * fraction), outcome(value))
        for (contender, fraction), values in auc.items()
        for seed, value in enumerate(values)
    ]


def test_a_row_is_the_mean_and_deviation_over_trials() -> None:
    found = [Trial("mine", 0.1, seed, 10, outcome(auc, auc / 2)) for seed, auc in enumerate((0.6, 0.7, 0.95))]
    (row,) = summed_up(found)
    assert (row.contender, row.label_fraction, row.n_train, row.trials) == ("mine", 0.1, 10, 3)
    assert (row.auc, row.acc) == (pytest.approx(0.75), pytest.approx(0.375))
    assert row.auc_std == pytest.approx(np.sqrt((0.15**2 + 0.05**2 + 0.2**2) / 2))
    assert row.acc_std == pytest.approx(row.auc_std / 2)


def test_a_single_trial_has_no_deviation() -> None:
    (row,) = summed_up(trials({("mine", 1.0): [0.8]}))
    assert isnan(row.auc_std)


def test_gaps_are_those_of_the_last_epoch() -> None:
    first = outcome(0.8, curve=[(0.9, 0.1, 0.9, 0.1, 0.5), (0.2, 0.95, 0.6, 0.75, 0.8)])
    second = outcome(0.8, curve=[(0.3, 0.85, 0.5, 0.75, 0.8)])
    (row,) = summed_up([Trial("mine", 1.0, 0, 100, first), Trial("mine", 1.0, 1, 100, second)])
    assert row.overfitting_gap == pytest.approx((0.4 + 0.2) / 2)
    assert row.accuracy_gap == pytest.approx((0.2 + 0.1) / 2)
    assert (row.train_acc, row.val_acc) == (pytest.approx(0.9), pytest.approx(0.75))


def test_mean_curves_go_as_far_as_the_shortest_trial() -> None:
    short = outcome(0.8, curve=[(0.4, 0.6, 0.5, 0.5, 0.6), (0.2, 0.8, 0.4, 0.6, 0.7)])
    long = outcome(0.8, curve=[(0.6, 0.4, 0.7, 0.7, 0.8), (0.4, 0.6, 0.6, 0.8, 0.9), (0.1, 1.0, 0.9, 0.9, 0.9)])
    curve = mean_epochs([long, short])
    expected = [(0.5, 0.5, 0.6, 0.6, 0.7), (0.3, 0.7, 0.5, 0.7, 0.8)]
    np.testing.assert_allclose([list(vars(epoch).values()) for epoch in curve], expected)


def test_pairs_are_by_seed_and_p_is_the_paired_t_tests() -> None:
    ours, random = [0.8, 0.85, 0.82], [0.7, 0.72, 0.75]
    found = trials({("mine", 1.0): ours, ("random init", 1.0): random})
    (one,) = comparisons(found[::-1], ENTRANTS)
    assert (one.contender, one.against, one.pairs) == ("mine", "random init", 3)
    assert one.difference == pytest.approx(0.1)
    difference = np.subtract(ours, random)
    t = difference.mean() / (difference.std(ddof=1) / np.sqrt(3))
    assert one.p == pytest.approx(2 * stats.t.sf(t, df=2))


@pytest.mark.parametrize(("ours", "random"), [([0.8], [0.7]), ([0.8, nan], [0.7, 0.9])], ids=str)
def test_p_is_undefined_for_one_pair_and_undefined_auc(ours: list[float], random: list[float]) -> None:
    (one,) = comparisons(trials({("mine", 1.0): ours, ("random init", 1.0): random}), ENTRANTS)
    assert isnan(one.p)


def test_savings_read_the_mean_curves() -> None:
    rows = summed_up(
        trials(
            {
                ("mine", 1.0): [0.85, 0.95],
                ("mine", 0.01): [0.65, 0.55],
                ("random init", 1.0): [0.7, 0.8],
                ("random init", 0.01): [0.5, 0.5],
            }
        )
    )
    (found,) = savings(rows, ENTRANTS)
    assert found.target == pytest.approx(0.75)
    assert found.fraction == pytest.approx(0.1)


@pytest.mark.parametrize("fractions", [(1.0,), (0.1, 0.01)])
def test_without_all_labels_and_fewer_no_saving_is_stated(fractions: tuple[float, ...]) -> None:
    rows = summed_up(trials({(name, share): [0.8, 0.9] for name in ("mine", "random init") for share in fractions}))
    assert savings(rows, ENTRANTS) == ()
