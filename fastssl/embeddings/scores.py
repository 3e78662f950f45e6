"""How well scores tell classes apart: accuracy, and the area under the ROC curve.

Covers: what is watched while an encoder is trained. Does not cover: MedMNIST's definitions, which reports use
(`fastssl.evaluation.shared.metrics`).
"""

from __future__ import annotations

from math import nan

import numpy as np
from scipy.stats import rankdata


def accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of images whose class has the largest score, 0 to 1.

    Args:
        labels: int64 `[N]` class indices.
        scores: `[N, K]`.
    """
    return float((scores.argmax(axis=1) == labels).mean())


def mean_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean area under the ROC curve of each class against the rest, or of each label, 0 to 1.

    The area is the Mann-Whitney statistic: the share of pairs of a positive and a negative in which the positive scores
    higher, ties counting half.

    Args:
        targets: `[N, K]` zeros and ones.
        scores: `[N, K]`.

    Returns:
        nan where no class has both positives and negatives; classes that have not are left out.
    """
    positives = targets.sum(axis=0)
    pairs = positives * (len(targets) - positives)
    if not pairs.any():
        return nan
    above = (rankdata(scores, axis=0) * targets).sum(axis=0) - positives * (positives + 1) / 2
    return float((above[pairs > 0] / pairs[pairs > 0]).mean())
