"""Accuracy and AUC against scikit-learn."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from fastssl.embeddings.scores import accuracy, mean_auc

RNG = np.random.default_rng(0)
SCORES = RNG.random((60, 4)).round(1)  # with ties
LABELS = RNG.integers(0, 4, 60)


def test_accuracy_and_auc_are_those_of_scikit_learn() -> None:
    targets = np.eye(4, dtype=int)[LABELS]
    assert accuracy(LABELS, SCORES) == accuracy_score(LABELS, SCORES.argmax(axis=1))
    assert mean_auc(targets, SCORES) == pytest.approx(roc_auc_score(targets, SCORES, average="macro"), abs=1e-12)


def test_classes_without_positives_or_negatives_are_left_out() -> None:
    targets = np.eye(4, dtype=int)[LABELS]
    targets[:, 1], targets[:, 2] = 0, 1
    expected = np.mean([roc_auc_score(targets[:, label], SCORES[:, label]) for label in (0, 3)])
    assert mean_auc(targets, SCORES) == pytest.approx(expected, abs=1e-12)
    assert isnan(mean_auc(np.zeros((60, 4), int), SCORES))
