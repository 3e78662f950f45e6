"""Are two encoders different? Means over seeds with their intervals, and differences paired by seed.

Covers: one number per seed; Student's intervals, paired t-tests, draws that share images, Holm's adjustment. Every
evaluation takes its statistics from here. Does not cover: measuring the numbers.

Seeds that draw their images from one small pool share many of them, so that their numbers are not independent, as
Student's t assumes. The correction is that of the corrected resampled t-test (Nadeau and Bengio, Machine Learning 52,
2003): n numbers of pairwise correlation r have a mean of variance (1/n + r/(1-r)) S^2, S^2 being their sample variance.
r is taken as the share of images that two draws have in common, which it cannot exceed (Hoeffding, Annals of
Mathematical Statistics 19, 1948: a statistic's covariance at two samples grows at most in proportion to what they
share). So the test is on the safe side: pairs of encoders of pure noise, 300 per pool, accuracy on 100 test images, 10
seeds, 20 shots from 40 images per class: called different at 0.05 in 32 % of the cases without it, in 0.3 % with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isnan, nan

import numpy as np

CONFIDENCE = 0.95
ALPHA = 0.05
"""Adjusted p-values below it are called significant."""
NEARLY_SAME = 0.9
"""Share of common images above which draws count as one: the correction multiplies S^2 by 9 and more there, so that
rounding and the few other images decide; at 1 it has no value."""
_EQUAL = 1e-9
"""Values whose deviation is below this share of their size differ by rounding alone."""

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True, kw_only=True)
class MeanInterval:
    """A mean over the seeds and its 95 % interval by Student's t; all numbers are nan where a value is.

    Attributes:
        mean: over the seeds.
        std: standard deviation (n - 1); nan for a single seed.
        low: of the interval; nan where there is none.
        high: likewise.
        reason: why there is no interval; "" where there is one.
    """

    mean: float
    std: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """The difference of two encoders, paired by seed, with the two-sided paired t-test.

    Attributes:
        difference: mean over the seeds.
        low: of its 95 % interval; nan where there is nothing to judge by.
        high: likewise.
        p: of the test; likewise.
        p_holm: p adjusted for a family of tests (`holm_adjusted`); nan before that.
        comparisons: tests of the family that have a p-value; 0 before that.
        reason: why there is no interval and no p-value; "" where there are.
    """

    difference: float
    low: float
    high: float
    p: float
    p_holm: float = nan
    comparisons: int = 0
    reason: str = ""

    @property
    def significant(self) -> bool:
        """Whether the adjusted p-value is below `ALPHA`."""
        return self.p_holm < ALPHA


def mean_interval(values: Values, overlap: float = 0.0) -> MeanInterval:
    """Return mean, deviation and interval.

    Args:
        values: one number per seed, `[seeds]`; at least one.
        overlap: share of images that the draws of two seeds have in common (`mean_overlap`).
    """
    table = np.asarray(values, dtype=np.float64)
    return _interval(table, overlap, float(np.abs(table).max()))


def standard_error(values: Values, overlap: float = 0.0) -> float:
    """Return the standard error of a mean; nan where there is nothing to judge by, as for `mean_interval`.

    Args:
        values: one number per seed, `[seeds]`; at least one.
        overlap: as for `mean_interval`.
    """
    found = mean_interval(values, overlap)
    return nan if found.reason else found.std * _variance_factor(len(values), overlap) ** 0.5


def paired_t_test(first: Values, second: Values, overlap: float = 0.0) -> PairedTest:
    """Compare two encoders; the difference is `first` less `second`.

    Args:
        first: one number per seed, `[seeds]`; at least one.
        second: likewise, in the same order of seeds.
        overlap: as for `mean_interval`.
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    found = _interval(one - other, overlap, float(max(np.abs(one).max(), np.abs(other).max())))
    if found.reason:
        return PairedTest(difference=found.mean, low=nan, high=nan, p=nan, reason=found.reason)
    from scipy.stats import t

    standard_error = found.std * _variance_factor(len(one), overlap) ** 0.5
    p = float(2 * t.sf(abs(found.mean) / standard_error, len(one) - 1))
    return PairedTest(difference=found.mean, low=found.low, high=found.high, p=p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for how many there are (Holm, Scandinavian Journal of Statistics 6, 1979).

    Args:
        p_values: of one family.

    Returns:
        In the same order. nan stays nan and does not count, as in R's `p.adjust`.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if not isnan(p))
    adjusted = [nan] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return adjusted


def holm_adjusted(family: Sequence[PairedTest]) -> list[PairedTest]:
    """Return the tests of one family, in the same order, with their `p_holm` and `comparisons`."""
    count = sum(not isnan(test.p) for test in family)
    adjusted = holm([test.p for test in family])
    return [replace(test, p_holm=p, comparisons=count) for test, p in zip(family, adjusted, strict=True)]


def mean_overlap(draws: Sequence[np.ndarray], labels: np.ndarray) -> float:
    """Return the share of images that the draws of two seeds have in common.

    Classes of which few images are drawn weigh more, by 1 / images: the mean of few images varies more, and so what a
    classifier learns of that class.

    Args:
        draws: row numbers `[N]` of each draw, which differ.
        labels: int64 `[M]` class indices of the rows drawn from, or `[M, L]`, whose rows count as one class.

    Returns:
        The mean over all pairs of draws, 0 to 1; nan for one draw.
    """
    if len(draws) < 2:
        return nan
    drawn = np.zeros((len(draws), len(labels)), np.float32)
    for chosen, rows in zip(drawn, draws, strict=True):
        chosen[rows] = 1
    classes = labels if labels.ndim == 1 else np.zeros(len(labels), np.int64)
    shares, weights = [], []
    for index in np.unique(classes):
        own = drawn[:, classes == index]
        size = own.sum(axis=1).mean()
        if size > 0:
            common = (own @ own.T).astype(np.float64)
            shares.append(np.mean([common[pair] for pair in combinations(range(len(draws)), 2)]) / size)
            weights.append(1 / size)
    return float(np.average(shares, weights=weights))


def overlap_decides(overlap: float, seeds: int) -> bool:
    """Return whether more of a mean's variance is due to images that draws share than to the number of seeds.

    That is r/(1-r) > 1/n: from there on further seeds narrow an interval little.

    Args:
        overlap: r, as `mean_overlap` returns it.
        seeds: n, how many draws there are.
    """
    return overlap * (seeds + 1) > 1


def untested(tests: Sequence[PairedTest]) -> list[str]:
    """Return a line for every reason why some of `tests` have no p-value."""
    reasons = Counter(test.reason for test in tests if test.reason)
    return [f"no p-value for {count} of {len(tests)} comparisons: {reason}" for reason, count in reasons.items()]


def _interval(values: np.ndarray, overlap: float, size: float) -> MeanInterval:
    """Of `values` `[seeds]`, which are numbers, or differences of numbers, of about `size`."""
    mean = float(values.mean())
    if len(values) < 2:
        return MeanInterval(mean=mean, std=nan, low=nan, high=nan, reason="a single seed")
    std = float(values.std(ddof=1))
    reason = _why_no_interval(std, overlap, size)
    if reason:
        return MeanInterval(mean=mean, std=std, low=nan, high=nan, reason=reason)
    from scipy.stats import t

    half = float(t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1)) * std * _variance_factor(len(values), overlap) ** 0.5
    return MeanInterval(mean=mean, std=std, low=mean - half, high=mean + half)


def _why_no_interval(std: float, overlap: float, size: float) -> str:
    if isnan(std):
        return "undefined values"
    if overlap > NEARLY_SAME:
        return f"all seeds draw nearly the same images ({100 * overlap:.0f} % in common)"
    return "no spread over the seeds" if std <= _EQUAL * size else ""


def _variance_factor(count: int, overlap: float) -> float:
    """Variance of a mean of `count` numbers over their sample variance."""
    return 1 / count + overlap / (1 - overlap)
