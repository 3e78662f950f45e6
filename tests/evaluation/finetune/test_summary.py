"""Means, deviations, pairs, curves and gaps against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fastssl.evaluation.finetune.label_efficiency import savings
from fastssl.evaluation.finetune.summary import FinetuneTrial, comparisons, mean_curves, mean_epochs, summarize
from fastssl.evaluation.finetune.trial import Epoch, TrialResult
from fastssl.evaluation.shared.baselines import random_candidates
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder
from fastssl.models.encoder import EncoderSpec, create_encoder

SPEC = EncoderSpec(name="test_resnet", in_channels=1, size=16)
ENCODER = NamedEncoder(label="mine", encoder=create_encoder("test_resnet", 1, 16), spec=SPEC)
RUN = Candidate.of(ENCODER, "run", 16, Path("mine"))
CANDIDATES = (RUN, *random_candidates([RUN]))


def epoch(train_loss: float, train_acc: float, val_loss: float, val_acc: float, val_auc: float) -> Epoch:
    return Epoch(train_loss=train_loss, train_acc=train_acc, val_loss=val_loss, val_acc=val_acc, val_auc=val_auc)


def result(auc: float, acc: float = 0.5, curve: list[tuple[float, ...]] | None = None) -> TrialResult:
    epochs = tuple(epoch(*point) for point in curve or [(0.3, 0.9, 0.5, 0.7, 0.8)])
    return TrialResult(auc=auc, acc=acc, best_epoch=1, epochs=epochs, notes=(), seconds=1.0)


def trial(found: TrialResult, seed: int, encoder: str = "mine", fraction: float = 1.0) -> FinetuneTrial:
    n_train = round(100 * fraction)
    return FinetuneTrial(encoder=encoder, label_fraction=fraction, seed=seed, n_train=n_train, result=found)


def trials(auc: dict[tuple[str, float], list[float]]) -> list[FinetuneTrial]:
    return [
        trial(result(value), seed, encoder, fraction)
        for (encoder, fraction), values in auc.items()
        for seed, value in enumerate(values)
    ]


def test_a_row_is_the_mean_and_deviation_over_trials() -> None:
    found = [trial(result(auc, auc / 2), seed, fraction=0.1) for seed, auc in enumerate((0.6, 0.7, 0.95))]
    (row,) = summarize(found)
    assert (row.encoder, row.label_fraction, row.n_train, row.trials) == ("mine", 0.1, 10, 3)
    assert (row.auc, row.acc) == (pytest.approx(0.75), pytest.approx(0.375))
    assert row.auc_std == pytest.approx(np.sqrt((0.15**2 + 0.05**2 + 0.2**2) / 2))
    assert row.acc_std == pytest.approx(row.auc_std / 2)


def test_a_single_trial_has_no_deviation() -> None:
    (row,) = summarize(trials({("mine", 1.0): [0.8]}))
    assert isnan(row.auc_std)


def test_gaps_are_those_of_the_last_epoch() -> None:
    first = result(0.8, curve=[(0.9, 0.1, 0.9, 0.1, 0.5), (0.2, 0.95, 0.6, 0.75, 0.8)])
    second = result(0.8, curve=[(0.3, 0.85, 0.5, 0.75, 0.8)])
    (row,) = summarize([trial(first, 0), trial(second, 1)])
    assert row.overfitting_gap == pytest.approx((0.4 + 0.2) / 2)
    assert row.accuracy_gap == pytest.approx((0.2 + 0.1) / 2)
    assert (row.train_acc, row.val_acc) == (pytest.approx(0.9), pytest.approx(0.75))


def test_mean_curves_go_as_far_as_the_shortest_trial() -> None:
    short = result(0.8, curve=[(0.4, 0.6, 0.5, 0.5, 0.6), (0.2, 0.8, 0.4, 0.6, 0.7)])
    long = result(0.8, curve=[(0.6, 0.4, 0.7, 0.7, 0.8), (0.4, 0.6, 0.6, 0.8, 0.9), (0.1, 1.0, 0.9, 0.9, 0.9)])
    curve = mean_epochs([long, short])
    expected = [(0.5, 0.5, 0.6, 0.6, 0.7), (0.3, 0.7, 0.5, 0.7, 0.8)]
    np.testing.assert_allclose([list(vars(epoch).values()) for epoch in curve], expected)
    assert mean_curves([trial(long, 0), trial(short, 1)]) == {("mine", 1.0): curve}


def test_pairs_are_by_seed_and_p_is_the_paired_t_tests() -> None:
    ours, random = [0.8, 0.85, 0.82], [0.7, 0.72, 0.75]
    found = trials({("mine", 1.0): ours, ("random init", 1.0): random})
    (one,) = comparisons(found[::-1], CANDIDATES)
    assert (one.encoder, one.against, one.pairs) == ("mine", "random init", 3)
    assert one.test.difference == pytest.approx(0.1)
    expected = stats.ttest_rel(ours, random)
    interval = expected.confidence_interval(0.95)
    assert one.test.p == one.test.p_holm == pytest.approx(expected.pvalue)
    assert (one.test.low, one.test.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


@pytest.mark.parametrize(("ours", "random"), [([0.8], [0.7]), ([0.8, nan], [0.7, 0.9])], ids=str)
def test_p_is_undefined_for_one_pair_and_undefined_auc(ours: list[float], random: list[float]) -> None:
    (one,) = comparisons(trials({("mine", 1.0): ours, ("random init", 1.0): random}), CANDIDATES)
    assert isnan(one.test.p)


def test_p_is_adjusted_over_all_shares_runs_and_baselines() -> None:
    """Holm by hand: the smallest of three p-values counts three times, the next twice."""
    shares = {1.0: [0.8, 0.85, 0.82], 0.5: [0.8, 0.81, 0.83], 0.1: [0.7, 0.9, 0.8]}
    random = [0.7, 0.72, 0.75]
    found = comparisons(
        trials(
            {(name, f): v if name == "mine" else random for f, v in shares.items() for name in ("mine", "random init")}
        ),
        CANDIDATES,
    )
    p = sorted(stats.ttest_rel(values, random).pvalue for values in shares.values())
    by_hand = [3 * p[0], max(3 * p[0], 2 * p[1]), max(3 * p[0], 2 * p[1], p[2])]
    assert sorted(one.test.p_holm for one in found) == pytest.approx(by_hand)
    assert {one.test.comparisons for one in found} == {3}


def test_six_comparisons_of_nothing_keep_alpha_family_wise() -> None:
    """Six shares at three trials, the run no better than random init; with raw p-values one in four families errs."""
    rng, shares = np.random.default_rng(0), (1.0, 0.5, 0.2, 0.1, 0.05, 0.01)
    names = ("mine", "random init")
    families = [
        comparisons(
            trials({(name, f): rng.normal(0.8, 0.02, 3).tolist() for name in names for f in shares}), CANDIDATES
        )
        for _ in range(1000)
    ]
    error = np.mean([any(one.test.significant for one in family) for family in families])
    assert error <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.mean([any(one.test.p < 0.05 for one in family) for family in families]) > 0.2


@pytest.mark.parametrize("trials_done", [3, 10])
def test_a_frozen_encoder_of_noise_is_not_called_different_from_random_encoders(trials_done: int) -> None:
    """On all labels it has one AUC, and each random encoder its own, all of them from one distribution."""
    rng, called, raw = np.random.default_rng(0), [], []
    for _ in range(1000):
        one, others = rng.normal(0.5, 0.03), rng.normal(0.5, 0.03, trials_done).tolist()
        auc = {("mine", 1.0): [one] * trials_done, ("random init", 1.0): others}
        called.append(comparisons(trials(auc), CANDIDATES, {1.0: 1.0})[0].test.significant)
        raw.append(comparisons(trials(auc), CANDIDATES)[0].test.significant)
    assert np.mean(called) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 1000))
    assert np.mean(raw) > 0.1


def test_frozen_two_fixed_encoders_on_the_same_images_have_no_p() -> None:
    """Against ImageNet nothing differs from seed to seed but the optimiser's way to one solution."""
    imagenet = replace(CANDIDATES[1], label="ImageNet", kind="ImageNet")
    auc = {
        ("mine", 1.0): [0.8, 0.801, 0.802],
        ("random init", 1.0): [0.7, 0.6, 0.65],
        ("ImageNet", 1.0): [0.7, 0.702, 0.7],
    }
    random, fixed = comparisons(trials(auc), (*CANDIDATES, imagenet), {1.0: 1.0})
    assert (random.against, fixed.against) == ("random init", "ImageNet")
    assert not isnan(random.test.p)
    assert isnan(fixed.test.p)
    assert fixed.test.reason == "all seeds draw nearly the same images (100 % in common)"


def test_savings_read_the_mean_curves() -> None:
    rows = summarize(
        trials(
            {
                ("mine", 1.0): [0.85, 0.95],
                ("mine", 0.01): [0.65, 0.55],
                ("random init", 1.0): [0.7, 0.8],
                ("random init", 0.01): [0.5, 0.5],
            }
        )
    )
    (found,) = savings(rows, CANDIDATES)
    assert found.target == pytest.approx(0.75)
    assert found.fraction == pytest.approx(0.1)


@pytest.mark.parametrize("fractions", [(1.0,), (0.1, 0.01)])
def test_without_all_labels_and_fewer_no_saving_is_stated(fractions: tuple[float, ...]) -> None:
    rows = summarize(trials({(name, share): [0.8, 0.9] for name in ("mine", "random init") for share in fractions}))
    assert savings(rows, CANDIDATES) == ()
