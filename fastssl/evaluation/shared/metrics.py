"""AUC and accuracy, by MedMNIST's definition.

Covers: `medmnist.evaluator`'s two functions for each of its task kinds, and the cases in which they have no answer.
Does not cover: intervals (`bootstrap.py`), other metrics and results per class (`detail.py`), segmentation.

Yang et al., "MedMNIST v2", Scientific Data 2023: AUC is the mean of one-against-rest (multi-class and ordinal) or of
the labels' areas (multi-label); accuracy is of the largest probability, or of each label at a threshold of 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from medmnist.evaluator import getACC, getAUC

from fastssl.data.source import Task

THRESHOLD = 0.5
"""Probability above which a label, or the second of two classes, is the answer."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Results on one split.

    Attributes:
        auc: nan where it is undefined.
        acc: accuracy, a share.
        note: why AUC is undefined; "" where it is not.
    """

    auc: float
    acc: float
    note: str = ""


def evaluate(labels: np.ndarray, scores: np.ndarray, task: Task) -> Metrics:
    """Return AUC and accuracy of probabilities.

    Args:
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones for multi-label.
        scores: `[N, K]` probabilities (K is 2 for a binary task) or `[N, L]`, finite.
        task: kind of labels, as MedMNIST names it.

    Raises:
        ValueError: shapes do not belong together, there are no samples, or scores are not finite.
    """
    _check(labels, scores, task)
    if task == "multi-label, binary-class" and labels.shape[1] == 1:
        labels, task = labels[:, 0], "binary-class"  # medmnist squeezes the axis away and then misses it
    # medmnist squeezes a lone sample's axis away too; twice the same sample has the same accuracy.
    repeats = 2 if len(labels) == 1 else 1
    acc = float(getACC(np.repeat(labels, repeats, axis=0), np.repeat(scores, repeats, axis=0), task))
    note = _why_undefined(labels, scores, task)
    return Metrics(auc=nan if note else float(getAUC(labels, scores, task)), acc=acc, note=note)


def one_against_rest(labels: np.ndarray, scores: np.ndarray, task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the problems of two classes whose AUC is averaged: truth bool `[N]` and score `[N]` of each.

    Args:
        labels: as for `evaluate`; likewise the others.
        scores: probabilities.
        task: kind of labels.

    Returns:
        One for a binary task, else one for every class or label.
    """
    if task == "multi-label, binary-class":
        return [(truth == 1, column) for truth, column in zip(labels.T, scores.T, strict=True)]
    if task == "binary-class":
        return [(labels == 1, scores[:, -1])]
    return [(labels == index, column) for index, column in enumerate(scores.T)]


def predictions(scores: np.ndarray, task: Task) -> np.ndarray:
    """Return the answers that accuracy counts.

    Args:
        scores: as for `evaluate`.
        task: kind of labels.

    Returns:
        int64 `[N]` class indices, or `[N, L]` zeros and ones.
    """
    if task == "multi-label, binary-class":
        return (scores > THRESHOLD).astype(np.int64)
    return (scores[:, -1] > THRESHOLD).astype(np.int64) if task == "binary-class" else scores.argmax(axis=1)


def right_answers(labels: np.ndarray, scores: np.ndarray, task: Task) -> np.ndarray:
    """Return which answers are right, whose mean is the accuracy.

    Args:
        labels: as for `evaluate`; likewise the others.
        scores: probabilities.
        task: kind of labels.

    Returns:
        float64 `[N]`: 0 or 1, or the share of an image's labels.
    """
    right = predictions(scores, task) == labels
    return right.mean(axis=1) if right.ndim == 2 else right.astype(np.float64)


def _why_undefined(labels: np.ndarray, scores: np.ndarray, task: Task) -> str:
    """Why the area under the curve has no value here, or nothing."""
    if task == "multi-label, binary-class":
        positives = labels.sum(axis=0)
        single = np.flatnonzero((positives == 0) | (positives == len(labels)))
        return f"AUC undefined: label {_listed(single)} never varies in this split" if len(single) else ""
    present = np.bincount(labels, minlength=scores.shape[1])
    if present.max() == len(labels):
        return f"AUC undefined: every image of this split is of class {present.argmax()}"
    absent = np.flatnonzero(present == 0)
    return f"AUC undefined: class {_listed(absent)} does not occur in this split" if len(absent) else ""


def _listed(numbers: np.ndarray) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")


def _check(labels: np.ndarray, scores: np.ndarray, task: Task) -> None:
    if len(labels) == 0:
        raise ValueError("there are no labels to score against")
    expected = labels.shape if task == "multi-label, binary-class" else (len(labels), scores.shape[-1])
    fits = scores.ndim == 2 and scores.shape == expected and labels.ndim == (1 + (task == "multi-label, binary-class"))
    if not fits:
        raise ValueError(f"scores {list(scores.shape)} do not belong to labels {list(labels.shape)} of a {task} task")
    if labels.ndim == 1 and labels.max() >= scores.shape[1]:
        raise ValueError(f"class {labels.max()} has no column among {scores.shape[1]} scores")
    if not np.isfinite(scores).all():
        raise ValueError("scores are not all finite")
