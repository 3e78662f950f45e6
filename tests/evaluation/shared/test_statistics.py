"""Statistics over seeds against scipy, published examples, numbers worked out by hand, and simulations of no effect."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
import torch
from scipy import stats

from fastssl.evaluation.fewshot.grid import StandardisedFeatures, solve_grid
from fastssl.evaluation.fewshot.support import draw_supports
from fastssl.evaluation.shared.statistics import (
    PairedTest,
    holm,
    holm_adjusted,
    mean_interval,
    mean_overlap,
    overlap_decides,
    paired_t_test,
    untested,
)

FIRST, SECOND = [0.5, 0.6, 0.8, 0.7, 0.65], [0.45, 0.62, 0.7, 0.6, 0.6]


def test_the_interval_is_student_s() -> None:
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.std) == (2, 1)
    assert found.high - 2 == pytest.approx(4.302653 / 3**0.5)  # t of 2 degrees of freedom, from a printed table
    low, high = stats.t.interval(0.95, 4, loc=np.mean(FIRST), scale=stats.sem(FIRST))
    assert (mean_interval(FIRST).low, mean_interval(FIRST).high) == (pytest.approx(low), pytest.approx(high))


def test_the_paired_test_is_scipy_s() -> None:
    found, expected = paired_t_test(FIRST, SECOND), stats.ttest_rel(FIRST, SECOND)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-12)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.difference == pytest.approx(0.056)


def test_pairing_finds_what_is_the_same_in_every_seed() -> None:
    second = np.array(FIRST) - 0.01 + np.array([1, -1, 1, -1, 0]) * 1e-3
    assert paired_t_test(FIRST, second).p < 1e-3
    assert stats.ttest_ind(FIRST, second).pvalue > 0.5


def test_draws_that_share_images_are_tested_by_nadeau_and_bengio_s_formula() -> None:
    """Their statistic has 1/J + n2/n1 in place of 1/J, for draws of correlation n2 / (n1 + n2): at 0.2, 1/5 + 1/4."""
    found = paired_t_test(FIRST, SECOND, overlap=0.2)
    difference = np.subtract(FIRST, SECOND)
    standard_error = np.sqrt((1 / 5 + 1 / 4) * difference.var(ddof=1))
    assert found.p == pytest.approx(2 * stats.t.sf(difference.mean() / standard_error, df=4))
    assert found.high - found.difference == pytest.approx(2.776445 * standard_error)  # t of 4, from a printed table


@pytest.mark.parametrize("overlap", [1.0, 0.95])
def test_draws_of_nearly_the_same_images_have_no_interval_and_no_p(overlap: float) -> None:
    found = paired_t_test(FIRST, SECOND, overlap)
    assert all(isnan(value) for value in (found.low, found.high, found.p))
    assert found.reason == f"all seeds draw nearly the same images ({100 * overlap:.0f} % in common)"
    assert isnan(mean_interval(FIRST, overlap).low)
    assert mean_interval(FIRST, overlap).reason == found.reason


@pytest.mark.parametrize(
    ("first", "second"),
    [([0.5, 0.75], [0.25, 0.5]), (FIRST, FIRST), ([17 / 30, 20 / 30, 0.1], [16 / 30, 19 / 30, 0.1 - 1 / 30])],
    ids=["equal", "none", "equal but for rounding"],
)
def test_differences_that_are_all_equal_are_no_evidence(first: list[float], second: list[float]) -> None:
    found = paired_t_test(first, second)
    assert all(isnan(value) for value in (found.low, found.high, found.p))
    assert found.reason == "no spread over the seeds"


def test_a_single_seed_has_a_mean_and_nothing_else() -> None:
    found = mean_interval([0.7])
    assert (found.mean, found.reason) == (0.7, "a single seed")
    assert all(isnan(value) for value in (found.std, found.low, found.high, paired_t_test([0.7], [0.6]).p))


def test_an_undefined_value_makes_all_undefined() -> None:
    assert isnan(mean_interval([0.5, float("nan")]).mean)
    found = paired_t_test(FIRST, [*SECOND[:4], float("nan")])
    assert isnan(found.p)
    assert found.reason == "undefined values"


def test_holm_s_adjustment_by_hand() -> None:
    """0.01 x 4; 0.02 x 3; 0.03 x 2; 0.04 x 1, raised to the one before it."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    adjusted = holm([0.01, float("nan"), 0.03])
    assert adjusted[0] == pytest.approx(0.02)
    assert isnan(adjusted[1])


def test_holm_on_the_fifteen_p_values_of_benjamini_and_hochberg() -> None:
    """Their example (J. R. Statist. Soc. B 57, 1995, section 3): family-wise control leaves three at 0.05."""
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    published += [0.6528, 0.7590, 1.0000]
    by_hand = [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213] + [1.0] * 6
    assert holm(published) == pytest.approx(by_hand)
    assert sum(p < 0.05 for p in holm(published)) == 3


def test_a_family_is_adjusted_over_its_tests_that_have_a_p() -> None:
    found = PairedTest(difference=0.1, low=0, high=1, p=0.04)
    untestable = replace(found, low=nan, high=nan, p=nan, reason="a single seed")
    family = holm_adjusted([found, untestable, replace(found, p=0.02)])
    assert [test.p_holm for test in family[::2]] == pytest.approx([0.04, 0.04])
    assert {test.comparisons for test in family} == {2}
    assert [test.significant for test in family] == [True, False, True]
    assert untested(family) == ["no p-value for 1 of 3 comparisons: a single seed"]


def test_overlap_is_the_mean_share_over_pairs_and_small_classes_weigh_more() -> None:
    """Class 0: 4 images drawn, pairs share 2, 2 and 4 of them. Class 1: 1 image drawn, pairs share 0, 1 and 0."""
    labels = np.array([0] * 8 + [1] * 3)
    draws = [np.array(rows) for rows in ([0, 1, 2, 3, 8], [2, 3, 4, 5, 9], [2, 3, 4, 5, 8])]
    assert mean_overlap(draws, labels) == pytest.approx((2 / 3 / 4 + 1 / 3 / 1) / (1 / 4 + 1 / 1))
    several = np.stack([labels, 1 - labels], axis=1)  # one stratum of 5: pairs share 2, 3 and 4
    assert mean_overlap(draws, several) == pytest.approx(3 / 5)
    assert isnan(mean_overlap(draws[:1], labels))


@pytest.mark.parametrize(("overlap", "decides"), [(0.05, False), (0.09, False), (0.0910, True), (1.0, True)])
def test_overlap_decides_once_it_adds_more_variance_than_ten_seeds_leave(overlap: float, decides: bool) -> None:
    assert overlap_decides(overlap, 10) is decides


def equicorrelated(correlation: float, sets: int, count: int) -> np.ndarray:
    """Normal numbers `[sets, count]` of mean 0, every two of a set correlated."""
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(sets, 1)), rng.normal(size=(sets, count))
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own


@pytest.mark.parametrize("count", [3, 10])
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.5, 0.85])
def test_correlated_numbers_without_an_effect_are_called_different_as_often_as_alpha(
    correlation: float, count: int
) -> None:
    values = equicorrelated(correlation, 2000, count)
    p = [paired_t_test(row, np.zeros(count), correlation).p for row in values]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)  # three standard errors
    if correlation >= 0.5:
        assert np.mean([paired_t_test(row, np.zeros(count)).p < 0.05 for row in values]) > 0.1


def noise_p(counts: list[int], shots: int, rng: np.random.Generator, base: int) -> list[PairedTest]:
    """Three encoders of pure noise, every two compared over ten draws of `shots` images per class."""
    labels, truth = np.repeat([0, 1], counts), np.arange(100) % 2
    (support,) = draw_supports(labels, (shots,), range(base, base + 10))
    sizes = len(labels), len(truth)
    noise = [[torch.from_numpy(rng.normal(size=(n, 16))).float() for n in sizes] for _ in range(3)]
    data = [StandardisedFeatures.of(pool, query) for pool, query in noise]
    solved = solve_grid([one.pool for one in data], [support], 2)
    accuracy = [(one[0].scores(own.query).argmax(2) == truth).mean(1) for one, own in zip(solved, data, strict=True)]
    overlap = mean_overlap(list(support.rows), labels)
    pairs = ((0, 1), (0, 2), (1, 2))
    return holm_adjusted([paired_t_test(accuracy[i], accuracy[j], overlap) for i, j in pairs])


@pytest.mark.parametrize(
    ("counts", "shots"), [([400, 400], 5), ([60, 60], 20), ([40, 40], 20), ([23, 23], 20), ([20, 400], 50)], ids=str
)
def test_encoders_of_pure_noise_are_not_called_different_more_often_than_alpha(counts: list[int], shots: int) -> None:
    """Family-wise: any of three comparisons. 120 comparisons: 0.05 and three standard errors are 0.11."""
    rng = np.random.default_rng(1)
    families = [noise_p(counts, shots, rng, 100 * index) for index in range(120)]
    assert np.mean([any(test.significant for test in family) for family in families]) <= 0.11
    tested = np.mean([not isnan(test.p) for family in families for test in family])
    assert tested > 0.95


def test_encoders_of_pure_noise_on_an_exhausted_pool_are_not_called_different_at_all() -> None:
    for test in noise_p([20, 20], 50, np.random.default_rng(0), 0):
        assert (test.significant, test.comparisons) == (False, 0)
        assert test.reason == "all seeds draw nearly the same images (100 % in common)"


def test_six_comparisons_without_an_effect_at_three_trials_keep_alpha_family_wise() -> None:
    """Raw p-values err in 1 - 0.95^6 = 26 % of such families; Holm's in 5 %, here within three standard errors."""
    draws = np.random.default_rng(0).normal(0.8, 0.02, size=(2000, 6, 2, 3))
    families = [holm_adjusted([paired_t_test(*pair) for pair in family]) for family in draws]
    assert np.mean([any(test.significant for test in family) for family in families]) <= 0.065
    assert np.mean([any(test.p < 0.05 for test in family) for family in families]) == pytest.approx(0.265, abs=0.03)
