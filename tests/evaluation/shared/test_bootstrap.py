"""Bootstrap intervals against scipy's, by hand for groups, and their coverage on data of known truth."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from medmnist.evaluator import getAUC
from scipy import stats
from sklearn.metrics import roc_auc_score

from fastssl.data.source import Task
from fastssl.evaluation.shared.bootstrap import ScoreIntervals, bootstrap_intervals

MULTI_LABEL: Task = "multi-label, binary-class"


def two_normals(count: int, rng: np.random.Generator, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and scores whose AUC is Phi(shift / sqrt 2), of one decimal so that some are equal."""
    labels = rng.permutation(np.arange(count) % 2)
    second = stats.norm.cdf(rng.normal(shift * labels, 1))
    return labels, np.stack([1 - second, second], axis=1)


def of_one(labels: np.ndarray, scores: np.ndarray, task: Task = "binary-class", **options: object) -> ScoreIntervals:
    return bootstrap_intervals(labels, [scores], task, **options)[0]


@pytest.mark.parametrize("task", ["binary-class", "multi-class", MULTI_LABEL])
def test_the_intervals_are_scipy_s_percentiles_of_the_same_resamples(task: Task) -> None:
    """SciPy's `bootstrap` draws the same images from an equal generator."""
    rng = np.random.default_rng(0)
    if task == MULTI_LABEL:
        labels, scores = rng.integers(0, 2, (60, 3)), rng.random((60, 3)).round(1)
    else:
        labels, scores = rng.integers(0, 2, 60), rng.dirichlet([1, 1], 60).round(1)

    def auc(rows: np.ndarray) -> float:
        return float(getAUC(labels[rows], scores[rows], task))

    def acc(rows: np.ndarray) -> float:
        answers = scores > 0.5 if task == MULTI_LABEL else scores.argmax(axis=1)
        return float((answers == labels)[rows].mean())

    found = of_one(labels, scores, task, resamples=100, seed=5)
    for statistic, low, high in ((auc, found.auc_low, found.auc_high), (acc, found.acc_low, found.acc_high)):
        expected = stats.bootstrap(
            (np.arange(60),), statistic, n_resamples=100, method="percentile", vectorized=False,
            rng=np.random.default_rng(5),
        ).confidence_interval  # fmt: skip
        assert (low, high) == (pytest.approx(expected.low, abs=1e-6), pytest.approx(expected.high, abs=1e-6))


def test_patients_are_drawn_with_all_their_images() -> None:
    rng = np.random.default_rng(0)
    labels, scores = two_normals(60, rng)
    groups = rng.integers(100, 112, 60)
    found = of_one(labels, scores, groups=groups, resamples=80, seed=3)
    names, draw = np.unique(groups), np.random.default_rng(3)
    values = []
    for chosen in draw.integers(0, len(names), (80, len(names))):
        rows = np.concatenate([np.flatnonzero(groups == names[one]) for one in chosen])
        values.append((roc_auc_score(labels[rows], scores[rows, 1]), (scores.argmax(1) == labels)[rows].mean()))
    (auc_low, acc_low), (auc_high, acc_high) = np.percentile(values, [2.5, 97.5], axis=0)
    assert (found.auc_low, found.auc_high) == (pytest.approx(auc_low, abs=1e-6), pytest.approx(auc_high, abs=1e-6))
    assert (found.acc_low, found.acc_high) == (pytest.approx(acc_low, abs=1e-6), pytest.approx(acc_high, abs=1e-6))


def test_classifiers_share_their_resamples_and_a_large_set_is_drawn_in_blocks() -> None:
    labels, scores = two_normals(5000, np.random.default_rng(0))
    first, second = bootstrap_intervals(labels, [scores, scores], "binary-class", resamples=70)
    assert first == second == of_one(labels, scores, resamples=70)


def test_resamples_that_lack_a_class_are_left_out_of_the_interval_of_auc() -> None:
    """Three images of a class: it is missing from one resample in twenty, and scikit-learn refuses those."""
    labels = np.array([1] * 3 + [0] * 57)
    scores = np.random.default_rng(0).dirichlet([1, 1], 60)
    found = of_one(labels, scores, resamples=150, seed=2)
    values = []
    for rows in np.random.default_rng(2).integers(0, 60, (150, 60)):
        if labels[rows].any():
            values.append(roc_auc_score(labels[rows], scores[rows, 1]))
    assert len(values) < 148
    assert (found.auc_low, found.auc_high) == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=1e-6)


def test_there_is_no_interval_where_nothing_varies_or_auc_hardly_ever_has_a_value() -> None:
    perfect = np.eye(2)[np.arange(40) % 2]
    assert all(isnan(value) for value in vars(of_one(np.arange(40) % 2, perfect)).values())
    rare = np.array([0] * 30 + [1, 2])  # each of two classes is missing from a third of the resamples
    found = of_one(rare, np.random.default_rng(0).dirichlet([1, 1, 1], 32), "multi-class")
    assert isnan(found.auc_low)
    assert not isnan(found.acc_low)


@pytest.mark.parametrize("images", [1, 4], ids=["images", "patients of four images"])
@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say(images: int) -> None:
    """400 test sets of two normal classes, 120 images or 60 patients whose images share most of their noise. Three
    standard errors of 0.95 are 0.033; percentile intervals of samples this small are known to be a little short."""
    rng, truth, held, by_image = np.random.default_rng(0), stats.norm.cdf(1 / np.sqrt(2)), [], []
    for _ in range(400):
        patients = np.arange(120 if images == 1 else 60)
        labels = np.repeat(rng.permutation(patients % 2), images)
        noise = np.repeat(rng.normal(0, 0.9, len(patients)), images) + rng.normal(0, np.sqrt(1 - 0.81), len(labels))
        second = stats.norm.cdf(labels + noise)
        scores = np.stack([1 - second, second], axis=1)
        groups = None if images == 1 else np.repeat(patients, images)
        found = of_one(labels, scores, groups=groups, resamples=400)
        held.append(found.auc_low <= truth <= found.auc_high)
        if images > 1:
            alone = of_one(labels, scores, resamples=400)
            by_image.append(alone.auc_low <= truth <= alone.auc_high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)
    if images > 1:
        assert np.mean(by_image) < 0.8
