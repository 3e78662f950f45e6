"""How far a test score may be off: bootstrap intervals of AUC, accuracy and means over test images, or over patients.

Covers: resampling whole groups of images, both metrics by MedMNIST's definition, percentile intervals. Does not cover:
the metrics themselves (`metrics.py`), intervals over seeds (`statistics.py`).

Images are drawn with replacement as often as there are images; where it is known whose they are, patients are drawn
with all their images, as images of one patient are alike (cluster bootstrap; Field and Welsh, J. R. Statist. Soc. B 69,
2007). The draw is not stratified by class: in another test set the classes' shares would differ too, and a patient may
have images of several classes. AUC has no value in a resample that lacks a class; such resamples are left out, as pROC
does (Robin et al., BMC Bioinformatics 12, 2011). Intervals are percentiles (Efron and Tibshirani, An Introduction to
the Bootstrap, 1993, chapter 13). BCa would need a jackknife over the images, and breaks down at scores near 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from torch import Tensor

from fastssl.data.source import Task

from .metrics import one_against_rest, right_answers
from .one_thread import one_thread
from .statistics import CONFIDENCE

RESAMPLES = 1000
SEED = 20071
"""Of the resamples, whatever the seed of an evaluation: all rows of a table are scored on the same ones."""
LEAST_DEFINED = 0.5
"""Share of resamples in which AUC has to have a value; with fewer there is no interval."""
_BLOCK, _LEAST = 1 << 16, 32
"""Counts at a time, which stay in a core's cache, and the fewest resamples among them."""


@dataclass(frozen=True, kw_only=True)
class ScoreIntervals:
    """The 95 % intervals of AUC and accuracy; nan where there is none.

    There is none where the metric is undefined, where AUC is in more than half of the resamples, and where all
    resamples score alike: that no image was wrong does not mean that none ever is.
    """

    auc_low: float
    auc_high: float
    acc_low: float
    acc_high: float


def bootstrap_intervals(
    labels: np.ndarray,
    scores: Sequence[np.ndarray],
    task: Task,
    groups: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[ScoreIntervals]:
    """Return the intervals of several classifiers' scores of the same images, all on the same resamples.

    Args:
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones for multi-label.
        scores: of each classifier, probabilities `[N, K]` (K is 2 for a binary task) or `[N, L]`.
        task: kind of labels, as MedMNIST names it.
        groups: int64 `[N]`, a number for each patient; None: every image is drawn by itself.
        resamples: how many.
        seed: of the resamples' own generator.

    Returns:
        In the order of `scores`.
    """
    ranked = [_ranked(labels, one, task) for one in scores]
    right = torch.from_numpy(np.stack([right_answers(labels, one, task) for one in scores], axis=1))
    aucs, accs = [], []
    with one_thread():
        for counts in _counts(len(labels), groups, resamples, seed):
            aucs.append(torch.stack([_mean_auc(counts, one) for one in ranked]))
            accs.append((counts.double().mT @ right).mT / counts.sum(dim=0))
    return [
        _intervals(auc, acc) for auc, acc in zip(*(torch.cat(one, dim=1).numpy() for one in (aucs, accs)), strict=True)
    ]


def bootstrap_mean(
    values: np.ndarray, groups: np.ndarray | None = None, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Return the interval of a mean over images, such as that of their Dice.

    Args:
        values: float64 `[N]`, finite.
        groups: as for `bootstrap_intervals`.
        resamples: how many.
        seed: of the resamples' own generator.

    Returns:
        Its ends; nan where all resamples have one mean, as those of a single image or patient.
    """
    column = torch.from_numpy(np.asarray(values, dtype=np.float64))
    means = [
        counts.double().mT @ column / counts.sum(dim=0) for counts in _counts(len(values), groups, resamples, seed)
    ]
    return _percentiles(torch.cat(means).numpy())


@dataclass(frozen=True, kw_only=True)
class _RankedClass:
    """One class against the rest, in the form in which its AUC is the same sum for every resample.

    positives: int64 `[P]`, rows of the class. negatives: int64 `[Q]`, the other rows by rising score. below, upto:
    int64 `[P]`, how many negatives score less than each positive, and how many no more.
    """

    positives: Tensor
    negatives: Tensor
    below: Tensor
    upto: Tensor

    @classmethod
    def of(cls, truth: np.ndarray, scores: np.ndarray) -> _RankedClass:
        positives, others = np.flatnonzero(truth), np.flatnonzero(~truth)
        negatives = others[np.argsort(scores[others], kind="stable")]
        places = (np.searchsorted(scores[negatives], scores[positives], side=side) for side in ("left", "right"))
        return cls(
            **dict(
                zip(
                    ("positives", "negatives", "below", "upto"),
                    map(torch.from_numpy, (positives, negatives, *places)),
                    strict=True,
                )
            )
        )

    def auc(self, counts: Tensor) -> Tensor:
        """`[N, R]` counts to float64 `[R]`, the Mann-Whitney statistic, ties count half; nan where a side is empty."""
        lower = torch.zeros(len(self.negatives) + 1, counts.shape[1])
        torch.cumsum(counts[self.negatives], dim=0, out=lower[1:])
        weight = counts[self.positives]
        wins = (weight * (lower[self.below] + lower[self.upto])).sum(dim=0, dtype=torch.float64)
        return wins / (2 * weight.sum(dim=0, dtype=torch.float64) * lower[-1])


def _ranked(labels: np.ndarray, scores: np.ndarray, task: Task) -> list[_RankedClass]:
    return [_RankedClass.of(truth, column) for truth, column in one_against_rest(labels, scores, task)]


def _mean_auc(counts: Tensor, ranked: Sequence[_RankedClass]) -> Tensor:
    """Float64 `[R]`; nan in a resample that lacks a class."""
    return torch.stack([one.auc(counts) for one in ranked]).mean(dim=0)


def _counts(images: int, groups: np.ndarray | None, resamples: int, seed: int) -> Iterator[Tensor]:
    """How often each image is in each resample, float32 `[N, R]`, some resamples at a time."""
    rng = np.random.default_rng(seed)
    unit = None if groups is None else np.unique(groups, return_inverse=True)[1]
    units = images if unit is None else int(unit.max()) + 1
    together = max(_LEAST, _BLOCK // images)
    for first in range(0, resamples, together):
        size = min(together, resamples - first)
        drawn = rng.integers(0, units, (size, units)) * size + np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=units * size).reshape(units, size).astype(np.float32)
        yield torch.from_numpy(counts if unit is None else counts[unit])


def _intervals(auc: np.ndarray, acc: np.ndarray) -> ScoreIntervals:
    """Of the values of all resamples."""
    auc_low, auc_high = _percentiles(auc)
    acc_low, acc_high = _percentiles(acc)
    return ScoreIntervals(auc_low=auc_low, auc_high=auc_high, acc_low=acc_low, acc_high=acc_high)


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if len(defined) < max(1, LEAST_DEFINED * len(values)):
        return nan, nan
    low, high = np.percentile(defined, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return (float(low), float(high)) if low < high else (nan, nan)
