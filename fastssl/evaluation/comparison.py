"""Are two encoders different? Means over seeds with their intervals, and differences paired by seed.

Covers: one number a seed. Does not cover: measuring it.

Seeds draw the images that a classifier learns from, while pool, test images and encoders stay: intervals and p-values
speak of that draw alone, not of other test images nor of training an encoder again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Mean over the seeds, standard deviation (n - 1), and the mean's 95 % interval by Student's t.

    std, low and high are nan for a single seed; all are where a value is.
    """

    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTest:
    """The difference of two encoders, seed by seed: its mean and interval, and p of a two-sided paired t-test.

    p is nan for a single seed. Where all differences are equal it is 1 if they are 0, else 0.
    """

    difference: float
    low: float
    high: float
    p: float


def spread(values: Sequence[float] | np.ndarray) -> Spread:
    """Of `values` `[seeds]`."""
    table = np.asarray(values, dtype=np.float64)
    mean = float(table.mean())
    if len(table) < 2:
        return Spread(mean, nan, nan, nan)
    from scipy.stats import t

    std = float(table.std(ddof=1))
    half = float(t.ppf(0.5 + CONFIDENCE / 2, len(table) - 1)) * std / len(table) ** 0.5
    return Spread(mean, std, mean - half, mean + half)


def paired_test(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> PairedTest:
    """`first` less `second`, both `[seeds]` in the same order of seeds."""
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    found = spread(differences)
    return PairedTest(found.mean, found.low, found.high, _p_value(found, len(differences)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for how many there are (Holm, Scandinavian Journal of Statistics 6, 1979); nan stays nan."""
    tested = sorted((p, place) for place, p in enumerate(p_values) if not isnan(p))
    adjusted = [nan] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return adjusted


def _p_value(found: Spread, count: int) -> float:
    from scipy.stats import t

    if isnan(found.std):
        return nan
    if found.std == 0:
        return 1.0 if found.mean == 0 else 0.0
    return float(2 * t.sf(abs(found.mean) / (found.std / count**0.5), count - 1))
