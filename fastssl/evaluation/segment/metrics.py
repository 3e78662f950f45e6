"""How well a map of probabilities agrees with a mask.

Covers: Dice, IoU, sensitivity and specificity at a threshold of 0.5, the area under the ROC curve over pixels, all
inside the field of view; what they are where the truth is empty. Does not cover: distances between borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

THRESHOLD = 0.5
METRICS = ("dice", "iou", "sensitivity", "specificity", "auc")


@dataclass(frozen=True)
class ImageScore:
    """Metrics of one image, each in [0, 1].

    Where neither truth nor prediction has foreground, Dice and IoU are 1; where only one of them has, 0. Sensitivity
    is nan without foreground, specificity without background, auc where either is lacking.
    """

    image: str
    dice: float
    iou: float
    sensitivity: float
    specificity: float
    auc: float


def score_image(name: str, probability: np.ndarray, truth: np.ndarray, inside: np.ndarray | None = None) -> ImageScore:
    """Compare `probability` `[H, W]` with `truth` `[H, W]` bool, where `inside` `[H, W]` bool is True.

    Raises ValueError for shapes that differ, probabilities that are not finite, and a field of view without a pixel.
    """
    if probability.shape != truth.shape or (inside is not None and inside.shape != truth.shape):
        raise ValueError(f"{name}: probability {probability.shape} and truth {truth.shape} must have one shape")
    scores, labels = (probability.ravel(), truth.ravel()) if inside is None else (probability[inside], truth[inside])
    if not len(labels):
        raise ValueError(f"{name}: no pixel lies in the field of view")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: probabilities are not finite numbers")
    found = scores >= THRESHOLD
    both, either = _count(found & labels), _count(found | labels)
    positives, negatives = _count(labels), _count(~labels)
    return ImageScore(
        name,
        dice=2 * both / (both + either) if either else 1.0,
        iou=both / either if either else 1.0,
        sensitivity=both / positives if positives else nan,
        specificity=_count(~found & ~labels) / negatives if negatives else nan,
        auc=pixel_auc(scores, labels),
    )


def pixel_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """P(score of a positive > score of a negative), ties counting half: the Mann-Whitney statistic; nan without both.

    scores: `[N]`. labels: `[N]` bool.
    """
    positives = _count(labels)
    negatives = len(labels) - positives
    if not positives or not negatives:
        return nan
    levels, place = np.unique(scores, return_inverse=True)
    each = np.bincount(place, minlength=len(levels)).astype(np.float64)
    hits = np.bincount(place, weights=labels, minlength=len(levels))
    lower = np.cumsum(each - hits) - (each - hits)
    return float((hits * (lower + 0.5 * (each - hits))).sum() / (positives * negatives))


def mean_score(scores: Sequence[ImageScore], metric: str) -> float:
    """Mean over the images where the metric is defined; nan where it never is."""
    values = _defined(scores, metric)
    return float(np.mean(values)) if values else nan


def std_score(scores: Sequence[ImageScore], metric: str) -> float:
    """Standard deviation (n - 1) over the images where the metric is defined; nan for fewer than two."""
    values = _defined(scores, metric)
    return float(np.std(values, ddof=1)) if len(values) > 1 else nan


def _count(where: np.ndarray) -> int:
    return int(np.count_nonzero(where))


def _defined(scores: Sequence[ImageScore], metric: str) -> list[float]:
    values = [getattr(score, metric) for score in scores]
    return [value for value in values if not np.isnan(value)]
