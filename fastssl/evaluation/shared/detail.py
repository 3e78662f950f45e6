"""What AUC and accuracy leave open: results per class, ordinal agreement, calibration, intervals.

Covers: balanced accuracy, recall and specificity per class or label, quadratic-weighted kappa of ordinal tasks,
expected calibration error, the confusion matrix. Does not cover: AUC and accuracy (`metrics.py`), how intervals are
made (`bootstrap.py`), showing any of it (`detail_table.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan, nan
from typing import Any

import numpy as np

from fastssl.data.source import Task

from .bootstrap import ScoreIntervals, bootstrap_intervals
from .metrics import predictions

BINS = 15
"""Of equal width, that probabilities are sorted into for the calibration error (Guo et al., ICML 2017)."""


@dataclass(frozen=True, kw_only=True)
class MetricDetail:
    """Results on one part, beyond AUC and accuracy.

    Attributes:
        balanced_acc: mean recall of the classes that occur; of several labels, the mean over labels of recall and
            specificity, halved.
        recall: per class or label, the share of its images that are found (sensitivity); nan where it does not occur.
        specificity: per class or label, the share of the other images that are not taken for it; nan without any.
        kappa: Cohen's kappa with quadratic weights (Psychological Bulletin 70, 1968) of ordinal tasks; nan of others.
        ece: expected calibration error (Guo et al., ICML 2017) of the answer's probability; of several labels, the mean
            over them.
        confusion: images by class (rows) and answer (columns); None for several labels.
        auc_low: of the 95 % interval of AUC (`bootstrap.py`); nan where there is none. Likewise the others.
        auc_high: its upper end.
        acc_low: of accuracy.
        acc_high: its upper end.
    """

    balanced_acc: float
    recall: tuple[float, ...]
    specificity: tuple[float, ...]
    kappa: float
    ece: float
    confusion: tuple[tuple[int, ...], ...] | None = None
    auc_low: float = nan
    auc_high: float = nan
    acc_low: float = nan
    acc_high: float = nan


def metric_details(
    labels: np.ndarray,
    scores: Sequence[np.ndarray],
    task: Task,
    groups: np.ndarray | None = None,
    *,
    intervals: bool = True,
) -> tuple[MetricDetail, ...]:
    """Return the details of several classifiers' scores of the same images.

    Args:
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones for multi-label; at least one image.
        scores: of each classifier, probabilities `[N, K]` (K is 2 for a binary task) or `[N, L]`.
        task: kind of labels, as MedMNIST names it.
        groups: int64 `[N]`, a number for each patient, who is resampled as a whole; None where that is not known.
        intervals: whether to make them; nan otherwise.

    Returns:
        In the order of `scores`.
    """
    none = ScoreIntervals(auc_low=nan, auc_high=nan, acc_low=nan, acc_high=nan)
    found = bootstrap_intervals(labels, scores, task, groups) if intervals else [none] * len(scores)
    return tuple(
        MetricDetail(**_point_estimates(labels, one, task), **asdict(own))
        for one, own in zip(scores, found, strict=True)
    )


def mean_detail(details: Sequence[MetricDetail]) -> MetricDetail:
    """Return the means over seeds, nan where a value is; without intervals and confusion, which are of one classifier.

    Args:
        details: one for each seed, at least one, of the same images.
    """

    def mean(name: str) -> np.ndarray:
        return np.mean([getattr(one, name) for one in details], axis=0)

    return MetricDetail(
        balanced_acc=float(mean("balanced_acc")),
        recall=_numbers(mean("recall")),
        specificity=_numbers(mean("specificity")),
        kappa=_numbers(mean("kappa")[None])[0],
        ece=float(mean("ece")),
    )


def detail_of(content: Mapping[str, Any]) -> MetricDetail:
    """Return the details that `dataclasses.asdict` was given.

    Args:
        content: what it returned, with lists for tuples; without what was None.
    """
    confusion = content.get("confusion")
    return MetricDetail(
        **{
            **content,
            "recall": tuple(content["recall"]),
            "specificity": tuple(content["specificity"]),
            "confusion": None if confusion is None else tuple(map(tuple, confusion)),
        }
    )


def _point_estimates(labels: np.ndarray, scores: np.ndarray, task: Task) -> dict[str, Any]:
    """The fields of `MetricDetail` but the intervals."""
    answers = predictions(scores, task)
    if labels.ndim == 2:
        recall, specificity = _rates(labels == 1, answers == 1)
        sides = np.stack([recall, specificity])
        return {
            "balanced_acc": float(np.mean(_mean_defined(sides))),
            "recall": _numbers(recall),
            "specificity": _numbers(specificity),
            "kappa": nan,
            "ece": float(np.mean([_label_calibration_error(*pair) for pair in zip(labels.T, scores.T, strict=True)])),
        }
    classes = np.arange(scores.shape[1])
    recall, specificity = _rates(labels[:, None] == classes, answers[:, None] == classes)
    confusion = np.bincount(labels * len(classes) + answers, minlength=len(classes) ** 2).reshape(len(classes), -1)
    return {
        "balanced_acc": float(_mean_defined(recall)),
        "recall": _numbers(recall),
        "specificity": _numbers(specificity),
        "kappa": _quadratic_kappa(confusion) if task == "ordinal-regression" else nan,
        "ece": calibration_error(scores.max(axis=1), answers == labels),
        "confusion": tuple(map(tuple, confusion.tolist())),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: how far confidence and the share of right answers are apart, over 15 bins.

    Args:
        confidence: `[N]` probabilities of the answers, in bins that are open below and closed above, as Guo et al. have
            them.
        right: bool `[N]`.
    """
    place = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))


def _label_calibration_error(truth: np.ndarray, scores: np.ndarray) -> float:
    """Of one label, which is one of two answers, whose probability is the larger of the two."""
    answer = predictions(scores[:, None], "multi-label, binary-class")[:, 0]
    return calibration_error(np.maximum(scores, 1 - scores), answer == truth)


def _rates(truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and specificity `[K]` of bool `[N, K]`."""
    return _share(answers & truth, truth), _share(~answers & ~truth, ~truth)


def _share(found: np.ndarray, among: np.ndarray) -> np.ndarray:
    total = among.sum(axis=0)
    return np.divide(found.sum(axis=0), total, out=np.full(len(total), nan), where=total > 0)


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    """Python's floats; every nan is the same one, so that equal results compare as equal."""
    return tuple(nan if isnan(value) else value for value in values.tolist())


def _mean_defined(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is no nan."""
    defined = ~np.isnan(values)
    return np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0)


def _quadratic_kappa(confusion: np.ndarray) -> float:
    """1 less the mean squared distance of answer and class, by what it would be if the two were independent."""
    classes = np.arange(len(confusion))
    distance = (classes[:, None] - classes) ** 2
    by_chance = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / confusion.sum()
    expected = float((distance * by_chance).sum())
    return 1 - float((distance * confusion).sum()) / expected if expected else nan
