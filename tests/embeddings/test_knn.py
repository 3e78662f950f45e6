"""Nearest neighbours, weighted and not, against brute force in NumPy, scikit-learn and SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from fastssl.embeddings import knn
from fastssl.embeddings.knn import default_neighbours, knn_scores, vote_shares


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


@pytest.mark.parametrize("score", [knn_scores, vote_shares], ids=lambda score: score.__name__)
def test_more_neighbours_than_images_are_refused(score: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="neighbours must be 1 to 4, the number of training images, got 5"):
        score(torch.eye(4), torch.eye(4), torch.eye(4), neighbours=5)


@pytest.mark.parametrize("offset", [0, 1000], ids=["around zero", "far from zero"])
def test_shares_of_the_votes_equal_sklearn_s_exactly(offset: float, monkeypatch: pytest.MonkeyPatch) -> None:
    (train, labels), (query, _) = clusters(400, 0), clusters(150, 1)
    train, query = train / 4 + np.float32(offset), query / 4 + np.float32(offset)
    monkeypatch.setattr(knn, "_SIMILARITIES_AT_ONCE", 400 * 7)
    targets = np.eye(3)[labels]
    shares = vote_shares(*map(torch.from_numpy, (train, targets, query)), neighbours=11).numpy()
    model = KNeighborsClassifier(11, algorithm="ball_tree").fit(train, labels)
    np.testing.assert_allclose(shares, model.predict_proba(query), rtol=1e-14)
    np.testing.assert_array_equal(shares.argmax(axis=1), model.predict(query))


def test_equal_votes_go_to_the_first_class_as_scipy_s_mode_has_it() -> None:
    (train, labels), (query, _) = clusters(60, 0), clusters(60, 1)
    labels = np.random.default_rng(3).permutation(labels)
    shares = vote_shares(*map(torch.from_numpy, (train, np.eye(3)[labels], query)), neighbours=4).numpy()
    found = labels[NearestNeighbors(n_neighbors=4, algorithm="ball_tree").fit(train).kneighbors(query)[1]]
    assert (np.sort(shares, axis=1)[:, 1] == np.sort(shares, axis=1)[:, 2]).sum() > 5
    np.testing.assert_array_equal(shares.argmax(axis=1), stats.mode(found, axis=1).mode)


def test_every_label_of_an_image_has_a_vote_of_its_own() -> None:
    (train, _), (query, _) = clusters(90, 0), clusters(40, 1)
    targets = np.random.default_rng(2).integers(0, 2, (90, 5))
    shares = vote_shares(*map(torch.from_numpy, (train, targets, query)), neighbours=11).numpy()
    nearest = NearestNeighbors(n_neighbors=11, algorithm="ball_tree").fit(train).kneighbors(query)[1]
    np.testing.assert_array_equal(shares > 0.5, targets[nearest].mean(axis=1) > 0.5)
