"""Weighted nearest neighbours against brute force in NumPy and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from fastssl.embeddings import knn
from fastssl.embeddings.knn import default_neighbours, knn_scores


def clusters(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % 3
    centres = 2 * np.random.default_rng(99).normal(size=(3, 8))
    return (centres[labels] + rng.normal(size=(samples, 8))).astype(np.float32), labels


def brute_force(train: np.ndarray, targets: np.ndarray, query: np.ndarray, neighbours: int) -> np.ndarray:
    """Wu et al. (2018), equation 8, one query at a time."""
    train = train / np.linalg.norm(train, axis=1, keepdims=True)
    scores = []
    for image in query / np.linalg.norm(query, axis=1, keepdims=True):
        cosine = train @ image
        nearest = np.argsort(-cosine)[:neighbours]
        weight = np.exp(cosine[nearest] / 0.1)
        scores.append(weight @ targets[nearest] / weight.sum())
    return np.array(scores)


@pytest.mark.parametrize("multi_label", [False, True], ids=["classes", "labels"])
def test_scores_equal_brute_force_in_chunks_of_any_size(multi_label: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (train, labels), (query, _) = clusters(90, 0), clusters(31, 1)
    targets = np.eye(3, dtype=np.float32)[labels]
    if multi_label:
        targets[:, 0] = np.random.default_rng(2).integers(0, 2, 90)
    monkeypatch.setattr(knn, "_SIMILARITIES_AT_ONCE", 90 * 4)
    scores = knn_scores(*map(torch.from_numpy, (train, targets, query)), neighbours=7)
    np.testing.assert_allclose(scores.numpy(), brute_force(train, targets, query, 7), rtol=1e-4)


def test_predictions_equal_sklearn_s_weighted_classifier() -> None:
    (train, labels), (query, _) = clusters(150, 0), clusters(60, 1)
    model = KNeighborsClassifier(12, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.1))
    targets = np.eye(3, dtype=np.float32)[labels]
    scores = knn_scores(*map(torch.from_numpy, (train, targets, query)), neighbours=12)
    np.testing.assert_allclose(scores.numpy(), model.fit(train, labels).predict_proba(query), atol=1e-4)


def test_a_feature_vector_of_zeros_gets_a_finite_score() -> None:
    scores = knn_scores(torch.eye(4), torch.eye(4), torch.zeros(1, 4), neighbours=4)
    torch.testing.assert_close(scores, torch.full((1, 4), 0.25))


@pytest.mark.parametrize(("samples", "neighbours"), [(1, 1), (546, 23), (4708, 68), (50_000, 200)])
def test_neighbours_grow_with_the_root_of_the_data_up_to_200(samples: int, neighbours: int) -> None:
    assert default_neighbours(samples) == neighbours


def test_more_neighbours_than_images_are_refused() -> None:
    with pytest.raises(ValueError, match="neighbours must be 1 to 4, the number of training images, got 5"):
        knn_scores(torch.eye(4), torch.eye(4), torch.eye(4), neighbours=5)
