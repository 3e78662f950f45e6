"""The grid of classifiers against scikit-learn's LogisticRegression, problem by problem."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fastssl.evaluation.fewshot.grid import Classifiers, StandardisedFeatures, solve_grid
from fastssl.evaluation.fewshot.support import draw_supports

SHOTS = (1, 5, 10, 20, 50)


def labelled_features(classes: int, dimensions: int, seed: int, count: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clusters in correlated features."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimensions, dimensions)) * (np.arange(1, dimensions + 1) ** -0.7)[:, None]
    labels = np.arange(count) % classes
    centres = rng.normal(size=(classes, dimensions)) @ mixing
    return (rng.normal(size=(count, dimensions)) @ mixing + 0.4 * centres[labels] + 3).astype(np.float32), labels


def sklearn_model(features: np.ndarray, labels: np.ndarray, l2: float) -> LogisticRegression:
    """Solved until rounding ends it, unlike the default, which stops up to 4e-3 above the minimum here."""
    model = LogisticRegression(C=1 / (l2 * len(features)), tol=1e-9, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features.astype(np.float64), labels)


def objective(scores: np.ndarray, weight: np.ndarray, labels: np.ndarray, l2: float) -> float:
    return -np.log(scores[np.arange(len(labels)), labels]).mean() + 0.5 * l2 * np.square(weight).sum()


@pytest.mark.parametrize(
    ("classes", "dimensions", "l2"),
    [(4, 96, None), (2, 96, None), (3, 24, None), (4, 96, 1e-5), (2, 96, 1.0)],
    ids=["four classes", "two classes", "more images than features", "weak l2", "strong l2"],
)
def test_every_problem_of_the_grid_is_sklearn_s(classes: int, dimensions: int, l2: float | None) -> None:
    features, labels = labelled_features(classes, dimensions, seed=classes)
    data = StandardisedFeatures.of(torch.from_numpy(features[:600]), torch.from_numpy(features[600:]))
    pool, query = data.pool.numpy(), data.query.numpy()
    supports = draw_supports(labels[:600], SHOTS, range(3))
    differences = []
    for support, found in zip(supports, solve_grid([data.pool], supports, classes, l2=l2)[0], strict=True):
        assert found.converged
        strength = 1 / len(support.labels) if l2 is None else l2
        accuracies = (found.scores(data.query).argmax(axis=2) == labels[600:]).mean(axis=1)
        for index, rows in enumerate(support.rows):
            model = sklearn_model(pool[rows], labels[:600][rows], strength)
            ours = objective(
                found.scores(data.pool[rows])[index], found.weight[index].double().numpy(), support.labels, strength
            )
            theirs = objective(
                model.predict_proba(pool[rows].astype(np.float64)), model.coef_, support.labels, strength
            )
            assert ours == pytest.approx(theirs, rel=1e-3)
            differences.append(accuracies[index] - (model.predict(query) == labels[600:]).mean())
    assert abs(np.mean(differences)) < 0.005
    assert np.abs(differences).max() < 0.02


def test_encoders_of_other_lengths_share_the_grid_and_do_not_touch_each_other() -> None:
    features = [torch.from_numpy(labelled_features(3, width, width)[0]) for width in (16, 40)]
    pools = [StandardisedFeatures.of(one, one).pool for one in features]
    labels = np.arange(800) % 3
    supports = draw_supports(labels, (1, 5, 30), range(2))
    together = solve_grid(pools, supports, 3)
    for pool, solved in zip(pools, together, strict=True):
        alone = solve_grid([pool], supports, 3)[0]
        for one, other in zip(solved, alone, strict=True):
            np.testing.assert_allclose(one.scores(pool), other.scores(pool), atol=2e-3)


def test_classes_that_are_far_apart_are_told_apart_from_one_image() -> None:
    labels = np.arange(90) % 3
    features = torch.eye(3).repeat(30, 4)[:90] + 0.01 * torch.randn(90, 12, generator=torch.manual_seed(0))
    data = StandardisedFeatures.of(features, features)
    for found in solve_grid([data.pool], draw_supports(labels, (1, 5), range(5)), 3)[0]:
        assert (found.scores(data.query).argmax(axis=2) == labels).all()


def test_probabilities_sum_to_one_and_leave_out_absent_classes() -> None:
    labels = np.repeat([0, 2, 3], 20)
    features = torch.randn(60, 8, generator=torch.manual_seed(0))
    scores = solve_grid([features], draw_supports(labels, (2,), range(2)), 5)[0][0].scores(features)
    assert scores.shape == (2, 60, 5)
    np.testing.assert_allclose(scores.sum(axis=2), 1, atol=1e-6)
    assert (scores[..., [1, 4]] == 0).all()


def test_features_are_standardised_by_the_pool_alone_and_constant_ones_vanish() -> None:
    pool = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    data = StandardisedFeatures.of(pool, torch.tensor([[4.0, 9.0]]))
    assert data.pool.tolist() == [[-1, 0], [1, 0]]
    assert data.query.tolist() == [[2, 0]]


def test_what_float32_cannot_finish_is_finished_in_float64() -> None:
    features, labels = labelled_features(4, 96, seed=1)
    pool = StandardisedFeatures.of(*2 * [torch.from_numpy(features)]).pool
    support = draw_supports(labels, (10,), (0,))[0]
    found: Classifiers = solve_grid([pool], [support], 4, l2=1e-7)[0][0]
    model = sklearn_model(pool.numpy()[support.rows[0]], support.labels, 1e-7)
    ours = objective(found.scores(pool[support.rows[0]])[0], found.weight[0].double().numpy(), support.labels, 1e-7)
    scores = model.predict_proba(pool.numpy()[support.rows[0]].astype(np.float64))
    assert found.converged
    assert ours <= objective(scores, model.coef_, support.labels, 1e-7) * 1.001
