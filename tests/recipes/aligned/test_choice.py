"""Who is worth fine-tuning: the lead, the margin, the tests behind them, and whether two orders agree."""

from __future__ import annotations

from itertools import pairwise
from math import nan

import numpy as np
import pytest
from scipy.stats import ttest_rel

from fastssl.evaluation.shared.statistics import standard_error
from fastssl.recipes.aligned.agreement import rank_agreement
from fastssl.recipes.aligned.choice import LEAST_MARGIN, choose, leads_of, ranks_of
from fastssl.recipes.aligned.proxy import ProxyScores
from fastssl.recipes.aligned.report import decision


def scored(overlap: float = 0.0, **by_draw: tuple[float, ...]) -> ProxyScores:
    return ProxyScores(by_draw=by_draw, seconds=dict.fromkeys(by_draw, 1.0), overlap=overlap)


MOCO, VAE = (0.80, 0.84, 0.85, 0.81), (0.75, 0.77, 0.70, 0.78)
IMAGENET, RANDOM = (0.79, 0.78, 0.84, 0.75), (0.60, 0.65, 0.61, 0.66)


def test_the_best_method_has_to_lead_the_better_baseline_by_one_standard_error() -> None:
    choice = choose(scored(moco=MOCO, vae=VAE, imagenet=IMAGENET, random=RANDOM), None)
    difference = np.subtract(MOCO, IMAGENET)
    assert (choice.best, choice.baseline) == ("moco", "imagenet")
    assert choice.lead == pytest.approx(difference.mean())
    assert choice.needed == pytest.approx(difference.std(ddof=1) / 2)
    assert choice.needed > LEAST_MARGIN
    assert choice.pays == (difference.mean() >= choice.needed)
    assert decision(choice, "AUC").startswith(f"winner: moco; moco less imagenet +{choice.lead:.4f} AUC, needed")


def test_draws_that_share_images_make_the_margin_wider() -> None:
    """n numbers of pairwise correlation r: (1/n + r/(1-r)) S^2 (Nadeau and Bengio 2003)."""
    difference = np.subtract(MOCO, IMAGENET)
    expected = (difference.var(ddof=1) * (1 / 4 + 0.8 / 0.2)) ** 0.5
    assert standard_error(difference, 0.8) == pytest.approx(expected)
    choice = choose(scored(0.8, moco=MOCO, imagenet=IMAGENET), None)
    assert choice.needed == pytest.approx(expected)
    assert not choice.pays


@pytest.mark.parametrize(
    ("moco", "random", "pays"),
    [((0.70, 0.72), (0.695, 0.715), False), ((0.70, 0.72), (0.68, 0.70), True), ((0.71,), (0.70,), False)],
)
def test_a_lead_below_a_hundredth_does_not_pay_however_sure_it_is(
    moco: tuple[float, ...], random: tuple[float, ...], pays: bool
) -> None:
    choice = choose(scored(moco=moco, random=random), None)
    assert (choice.needed, choice.pays) == (LEAST_MARGIN, pays or choice.lead >= LEAST_MARGIN)
    assert choice.pays == pays or len(moco) == 1


def test_a_margin_that_is_asked_for_is_the_one() -> None:
    lead = float(np.subtract(MOCO, IMAGENET).mean())
    assert choose(scored(moco=MOCO, imagenet=IMAGENET), lead - 1e-6).winner == "moco"
    refused = choose(scored(moco=MOCO, imagenet=IMAGENET), lead + 1e-6)
    assert refused.winner is None
    assert decision(refused, "Dice").startswith("no pre-training pays here: moco less imagenet")


def test_without_a_baseline_the_best_method_wins_and_that_is_said() -> None:
    choice = choose(scored(moco=MOCO, vae=VAE), None)
    assert (choice.winner, choice.baseline) == ("moco", "")
    assert "no baseline to beat" in decision(choice, "AUC")
    assert leads_of(scored(moco=MOCO, vae=VAE)) == ()


def test_leads_are_paired_t_tests_adjusted_by_holm() -> None:
    first, second = leads_of(scored(moco=MOCO, vae=VAE, random=RANDOM))
    p = [float(ttest_rel(own, RANDOM).pvalue) for own in (MOCO, VAE)]
    assert [first.test.p, second.test.p] == pytest.approx(p)
    smaller, larger = sorted(p)
    assert sorted([first.test.p_holm, second.test.p_holm]) == pytest.approx([2 * smaller, max(2 * smaller, larger)])
    assert {first.against, second.against} == {"random"}


def test_ranks_are_from_the_highest_and_equal_values_share_the_better_place() -> None:
    assert ranks_of({"a": 0.7, "b": 0.9, "c": 0.7, "d": 0.1}) == {"a": 2, "b": 1, "c": 2, "d": 4}


def test_the_agreement_of_two_orders_is_by_the_formulae_for_ranks_without_ties() -> None:
    """Spearman: 1 - 6 sum d^2 / (n (n^2 - 1)); Kendall: (agreeing - other pairs) / pairs."""
    proxy = dict(zip("abcde", (0.9, 0.8, 0.7, 0.6, 0.5), strict=True))
    tuned = dict(zip("abcde", (0.8, 0.9, 0.7, 0.5, 0.6), strict=True))
    found = rank_agreement(proxy, tuned)
    assert found is not None
    assert found.spearman == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert (found.pairs, found.agreeing) == (10, 8)
    assert found.kendall == pytest.approx((8 - 2) / 10)
    assert (
        str(found) == f"Spearman +0.80, Kendall +0.60 (p {found.p:.2f}), 8 of 10 pairs in the same order, 5 candidates"
    )


@pytest.mark.parametrize("tuned", [{"a": 1.0, "b": 0.5}, {"a": nan, "b": 1.0, "c": 0.2}, dict.fromkeys("abcd", 0.5)])
def test_an_order_of_few_candidates_or_of_equal_ones_is_none(tuned: dict[str, float]) -> None:
    proxy = dict(zip("abcd", (0.1, 0.2, 0.3, 0.4), strict=True))
    assert all(first < second for first, second in pairwise(proxy.values()))
    assert rank_agreement(proxy, tuned) is None
