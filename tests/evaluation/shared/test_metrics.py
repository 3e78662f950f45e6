"""AUC and accuracy against medmnist's own Evaluator, and where it has no answer."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from medmnist import INFO
from medmnist.evaluator import Evaluator

from fastssl.data.source import Task
from fastssl.evaluation.shared.metrics import evaluate

MULTI_LABEL: Task = "multi-label, binary-class"


@pytest.mark.parametrize("flag", ["bloodmnist", "breastmnist", "chestmnist", "retinamnist"])
def test_every_task_kind_scores_as_medmnist_s_evaluator_does(flag: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    task, classes = INFO[flag]["task"], len(INFO[flag]["label"])
    multi_label = task == MULTI_LABEL
    labels = rng.integers(0, 2, (60, classes)) if multi_label else np.arange(60)[:, None] % classes
    scores = rng.random((60, classes))
    scores = scores if multi_label else scores / scores.sum(axis=1, keepdims=True)
    np.savez(tmp_path / f"{flag}.npz", test_labels=labels)
    expected = Evaluator(flag, "test", root=str(tmp_path)).evaluate(scores)
    metrics = evaluate(labels if multi_label else labels[:, 0], scores, task)
    assert (metrics.auc, metrics.acc, metrics.note) == (expected.AUC, expected.ACC, "")


@pytest.mark.parametrize(
    ("labels", "task", "note"),
    [
        (np.array([0, 1, 0, 1]), "multi-class", "AUC undefined: class 2 does not occur in this split"),
        (np.array([1, 1, 1, 1]), "multi-class", "AUC undefined: every image of this split is of class 1"),
        (np.array([[0, 1, 0], [0, 1, 1]]), MULTI_LABEL, "AUC undefined: label 0, 1 never varies in this split"),
        (np.array([2]), "ordinal-regression", "AUC undefined: every image of this split is of class 2"),
    ],
)
def test_an_undefined_auc_is_nan_with_its_reason_and_accuracy_stands(labels: np.ndarray, task: Task, note: str) -> None:
    scores = np.tile([0.2, 0.7, 0.1], (len(labels), 1))
    metrics = evaluate(labels, scores, task)
    assert math.isnan(metrics.auc)
    assert metrics.note == note
    expected = ((scores > 0.5) == labels).mean() if task == MULTI_LABEL else (labels == 1).mean()
    assert metrics.acc == pytest.approx(expected)


def test_one_label_scores_as_a_binary_task() -> None:
    labels, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.4, 0.9, 0.6])
    alone = evaluate(labels[:, None], scores[:, None], MULTI_LABEL)
    binary = evaluate(labels, np.stack([1 - scores, scores], axis=1), "binary-class")
    assert (alone.auc, alone.acc) == (binary.auc, binary.acc) == (0.75, 0.5)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (np.array([0, 1]), np.zeros((3, 2)), r"scores \[3, 2\] do not belong to labels \[2\]"),
        (np.array([0, 5]), np.zeros((2, 2)), "class 5 has no column among 2 scores"),
        (np.array([0, 1]), np.full((2, 2), np.nan), "not all finite"),
        (np.array([], dtype=int), np.zeros((0, 2)), "no labels"),
    ],
)
def test_scores_that_do_not_fit_are_refused(labels: np.ndarray, scores: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(labels, scores, "multi-class")
