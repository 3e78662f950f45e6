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


@dataclass(frozen=True, kw_only=True)
class ImageScore:
    """Metrics of one image, each in [0, 1], or nan where it is undefined.

    Attributes:
        image: the name of the image.
        dice: 2 TP / (2 TP + FP + FN); 1 where neither truth nor prediction has foreground.
        iou: TP / (TP + FP + FN); likewise.
        sensitivity: TP / (TP + FN); nan where the truth has no foreground.
        specificity: TN / (TN + FP); nan where the truth has no background.
        auc: area under the ROC curve over pixels; nan where the truth has one class alone.
    """

    image: str
    dice: float
    iou: float
    sensitivity: float
    specificity: float
    auc: float


def score_image(name: str, probability: np.ndarray, truth: np.ndarray, inside: np.ndarray | None = None) -> ImageScore:
    """Compare predicted probabilities with the truth.

    Args:
        name: of the image.
        probability: `[H, W]`, of foreground, in [0, 1].
        truth: `[H, W]` bool.
        inside: `[H, W]` bool, the field of view; pixels outside count for nothing. None: all are inside.

    Raises:
        ValueError: shapes differ, a probability is not finite, or no pixel is inside.
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
        image=name,
        dice=2 * both / (both + either) if either else 1.0,
        iou=both / either if either else 1.0,
        sensitivity=both / positives if positives else nan,
        specificity=_count(~found & ~labels) / negatives if negatives else nan,
        auc=pixel_auc(scores, labels),
    )


def pixel_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the area under the ROC curve over pixels; nan unless both classes are there.

    It is P(score of a positive > score of a negative), ties counting half: the Mann-Whitney statistic (Mann and
    Whitney, Annals of Mathematical Statistics 18, 1947).

    Args:
        scores: `[N]`.
        labels: `[N]` bool.
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
    """Return the mean over the images where the metric is defined; nan where it never is.

    Args:
        scores: of the images.
        metric: one of `METRICS`.
    """
    values = _defined(scores, metric)
    return float(np.mean(values)) if values else nan


def std_score(scores: Sequence[ImageScore], metric: str) -> float:
    """Return the standard deviation (n - 1) over the images where the metric is defined; nan for fewer than two.

    Args:
        scores: of the images.
        metric: one of `METRICS`.
    """
    values = _defined(scores, metric)
    return float(np.std(values, ddof=1)) if len(values) > 1 else nan


def _count(where: np.ndarray) -> int:
    return int(np.count_nonzero(where))


def _defined(scores: Sequence[ImageScore], metric: str) -> list[float]:
    values = [getattr(score, metric) for score in scores]
    return [value for value in values if not np.isnan(value)]
