"""Metrics beyond AUC and accuracy against scikit-learn, medmnist's own definitions and numbers worked out by hand."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from math import isnan, nan

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    recall_score,
    roc_auc_score,
)

from fastssl.data.source import Task
from fastssl.evaluation.shared.detail import MetricDetail, calibration_error, detail_of, metric_details
from fastssl.evaluation.shared.metrics import evaluate, one_against_rest, right_answers

MULTI_LABEL: Task = "multi-label, binary-class"
SINGLE: list[tuple[Task, int]] = [("binary-class", 2), ("multi-class", 5), ("ordinal-regression", 5)]


def sample(task: Task, classes: int, count: int = 200, absent: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of one decimal, so that many are equal, and labels that they tell something of."""
    rng = np.random.default_rng(classes)
    if task == MULTI_LABEL:
        labels = rng.integers(0, 2, (count, classes))
        return labels, (0.3 * labels + 0.7 * rng.random((count, classes))).round(1)
    labels = rng.integers(0, classes, count)
    labels = np.where(labels == absent, 0, labels)
    scores = rng.dirichlet(np.ones(classes), count) + 0.3 * np.eye(classes)[labels]
    return labels, (scores / scores.sum(axis=1, keepdims=True)).round(1)


def details(labels: np.ndarray, scores: np.ndarray, task: Task) -> MetricDetail:
    return metric_details(labels, [scores], task, intervals=False)[0]


@pytest.mark.parametrize("absent", [None, 1])
@pytest.mark.parametrize(("task", "classes"), SINGLE)
def test_one_class_per_image_is_scored_as_scikit_learn_does(task: Task, classes: int, absent: int | None) -> None:
    labels, scores = sample(task, classes, absent=absent)
    answers = (scores[:, 1] > 0.5).astype(int) if task == "binary-class" else scores.argmax(axis=1)
    names = list(range(classes))
    found = details(labels, scores, task)
    assert found.confusion == tuple(map(tuple, confusion_matrix(labels, answers, labels=names)))
    recall = recall_score(labels, answers, labels=names, average=None, zero_division=nan)
    np.testing.assert_allclose(found.recall, recall, atol=1e-12)
    others = [recall_score(labels != name, answers != name, zero_division=nan) for name in names]
    np.testing.assert_allclose(found.specificity, others, atol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers that are no label
        assert found.balanced_acc == pytest.approx(balanced_accuracy_score(labels, answers), abs=1e-12)
    kappa = cohen_kappa_score(labels, answers, weights="quadratic", labels=names)
    assert found.kappa == pytest.approx(kappa if task == "ordinal-regression" else nan, abs=1e-12, nan_ok=True)


def test_labels_are_scored_one_by_one() -> None:
    labels, scores = sample(MULTI_LABEL, 4)
    found, answers = details(labels, scores, MULTI_LABEL), scores > 0.5
    recall = [recall_score(labels[:, one], answers[:, one]) for one in range(4)]
    specificity = [recall_score(labels[:, one], answers[:, one], pos_label=0) for one in range(4)]
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.specificity, specificity)
    balanced = np.mean([balanced_accuracy_score(labels[:, one], answers[:, one]) for one in range(4)])
    assert found.balanced_acc == pytest.approx(balanced)
    assert found.ece == pytest.approx(np.mean([by_bins(labels[:, one], scores[:, [one]]) for one in range(4)]))
    assert isnan(found.kappa)
    assert found.confusion is None


def by_bins(labels: np.ndarray, scores: np.ndarray) -> float:
    """Guo et al.'s equation 3 bin by bin, of one score per image (answer 1 above 0.5) or of one per class."""
    table = np.hstack([1 - scores, scores]) if scores.shape[1] == 1 else scores
    confidence, right = table.max(axis=1), table.argmax(axis=1) == labels
    total = 0.0
    for edge in range(15):
        inside = (confidence > edge / 15) & (confidence <= (edge + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize(("task", "classes"), SINGLE)
def test_calibration_error_is_guo_s_bin_by_bin(task: Task, classes: int) -> None:
    labels, _ = sample(task, classes)
    scores = np.random.default_rng(1).dirichlet(np.ones(classes), len(labels))
    assert details(labels, scores, task).ece == pytest.approx(by_bins(labels, scores), abs=1e-12)


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.9 and 0.9 with one of two right are 0.4 apart; 0.6 with all right is 0.4 too; 1 is in the last."""
    assert calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([1, 0, 1, 1])) == pytest.approx(0.4)
    assert calibration_error(np.array([1.0, 0.95]), np.array([1, 0])) == pytest.approx(0.475)


def test_the_problems_that_auc_averages_and_the_answers_that_accuracy_counts_are_medmnist_s() -> None:
    for task, classes in (*SINGLE, (MULTI_LABEL, 4)):
        labels, scores = sample(task, classes)
        expected = evaluate(labels, scores, task)
        aucs = [roc_auc_score(truth, column) for truth, column in one_against_rest(labels, scores, task)]
        assert np.mean(aucs) == pytest.approx(expected.auc, abs=1e-12)
        assert right_answers(labels, scores, task).mean() == pytest.approx(expected.acc, abs=1e-12)
        if labels.ndim == 1:
            assert expected.acc == pytest.approx(accuracy_score(labels, scores.argmax(axis=1)), abs=0.05)


@pytest.mark.parametrize(("task", "classes"), [*SINGLE, (MULTI_LABEL, 4)])
def test_a_single_image_has_details_and_no_interval(task: Task, classes: int) -> None:
    labels, scores = sample(task, classes, count=1)
    (found,) = metric_details(labels, [scores], task)
    assert found.balanced_acc in (0.0, 0.25, 0.5, 0.75, 1.0)
    assert all(isnan(value) for value in (found.auc_low, found.auc_high, found.acc_low, found.acc_high))
    assert isnan(found.kappa) or task == "ordinal-regression"


@pytest.mark.parametrize(("task", "classes"), [("ordinal-regression", 3), (MULTI_LABEL, 3)])
def test_details_are_the_same_again_when_they_come_from_a_file(task: Task, classes: int) -> None:
    labels, scores = sample(task, classes)
    (found,) = metric_details(labels, [scores], task)
    kept = json.loads(json.dumps({name: value for name, value in asdict(found).items() if value is not None}))
    again = detail_of(kept)
    assert [repr(getattr(again, name)) for name in vars(found)] == [repr(value) for value in vars(found).values()]
