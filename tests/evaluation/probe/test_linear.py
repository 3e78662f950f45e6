"""The linear probe: the choice of l2 and its scores, against scikit-learn run once for each l2."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from fastssl.evaluation.probe.linear import L2_GRID, LabelledFeatures, linear_probe


def samples(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten informative and thirty useless features on unlike scales, so that the choice of l2 matters."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 40))
    weights = np.random.default_rng(50).normal(size=(10, classes))
    labels = (features[:, :10] @ weights + 1.5 * rng.gumbel(size=(count, classes))).argmax(axis=1)
    return (features * np.geomspace(0.01, 100, 40) + 3).astype(np.float32), labels


def labelled(features: np.ndarray, labels: np.ndarray) -> LabelledFeatures:
    return LabelledFeatures(features=torch.from_numpy(features), labels=labels)


def sklearn_probe(
    train: tuple[np.ndarray, np.ndarray], val: tuple[np.ndarray, np.ndarray], query: np.ndarray
) -> tuple[float, np.ndarray]:
    """(l2 of the best validation AUC, class probabilities of the query there)."""
    scaler = StandardScaler().fit(train[0])
    best, chosen = -1.0, (0.0, query)
    for l2 in L2_GRID:
        model = LogisticRegression(C=1 / (l2 * len(train[0])), tol=1e-8, max_iter=5000)
        model.fit(scaler.transform(train[0]), train[1])
        scores = model.predict_proba(scaler.transform(val[0]))
        classes = range(scores.shape[1])
        auc = float(np.mean([roc_auc_score(val[1] == index, scores[:, index]) for index in classes]))
        if auc > best:
            best, chosen = auc, (l2, model.predict_proba(scaler.transform(query)))
    return chosen


@pytest.mark.parametrize(("classes", "task"), [(2, "binary-class"), (4, "multi-class"), (4, "ordinal-regression")])
def test_l2_and_scores_are_those_of_sklearn_tuned_by_validation_auc(classes: int, task: str) -> None:
    train, val, test = (samples(count, classes, seed) for seed, count in enumerate((120, 150, 80)))
    found = linear_probe(labelled(*train), labelled(*val), torch.from_numpy(test[0]), task=task, classes=classes)
    l2, scores = sklearn_probe(train, val, test[0])
    assert found.l2 == pytest.approx(l2)
    np.testing.assert_allclose(found.scores, scores, atol=5e-3)
    np.testing.assert_array_equal(found.scores.argmax(axis=1), scores.argmax(axis=1))


def test_labels_are_scored_independently() -> None:
    features, first = samples(120, 2, 0)
    labels = np.stack([first, 1 - first, samples(120, 2, 7)[1]], axis=1)
    part = labelled(features, labels)
    found = linear_probe(part, part, part.features, task="multi-label, binary-class", classes=3)
    np.testing.assert_allclose(found.scores[:, 0], 1 - found.scores[:, 1], atol=1e-3)
    assert found.validation.acc > 0.7


def test_a_class_that_training_lacks_scores_zero_and_is_named() -> None:
    features, labels = samples(120, 4, 0)
    train = labels != 2
    found = linear_probe(
        labelled(features[train], labels[train]),
        labelled(features, labels),
        torch.from_numpy(features),
        task="multi-class",
        classes=4,
    )
    assert (found.scores[:, 2] == 0).all()
    np.testing.assert_allclose(found.scores.sum(axis=1), 1)
    assert found.notes == ("class 2 does not vary in training and cannot be learned",)


def test_two_classes_that_occur_among_three_are_solved_as_a_binary_task() -> None:
    features, labels = samples(80, 2, 0)
    part, doubled = labelled(features, labels), labelled(features, 2 * labels)
    binary = linear_probe(part, part, part.features, task="binary-class", classes=2, l2_grid=(0.01,))
    found = linear_probe(doubled, doubled, part.features, task="multi-class", classes=3, l2_grid=(0.01,))
    np.testing.assert_array_equal(found.scores[:, [0, 2]], binary.scores)
    assert (found.scores[:, 1] == 0).all()


def test_without_a_validation_auc_the_log_loss_chooses() -> None:
    train, val = samples(120, 2, 0), samples(60, 2, 1)
    of_one_class = labelled(val[0][val[1] == 1], val[1][val[1] == 1])
    found = linear_probe(labelled(*train), of_one_class, of_one_class.features, task="binary-class", classes=2)
    losses = []
    for l2 in L2_GRID:
        alone = linear_probe(
            labelled(*train), of_one_class, of_one_class.features, task="binary-class", classes=2, l2_grid=(l2,)
        )
        losses.append(-np.log(alone.scores[:, 1]).mean())
    assert found.l2 == L2_GRID[int(np.argmin(losses))]
    assert found.notes == ("validation AUC undefined: every image of this split is of class 1; l2 chosen by log loss",)


def test_refitting_uses_training_and_validation_images() -> None:
    train, val = samples(60, 3, 0), samples(60, 3, 1)
    both = np.concatenate([train[0], val[0]]), np.concatenate([train[1], val[1]])
    refitted = linear_probe(
        labelled(*train), labelled(*val), torch.from_numpy(val[0]), task="multi-class", classes=3, refit=True
    )
    whole = linear_probe(
        labelled(*both),
        labelled(*val),
        torch.from_numpy(val[0]),
        task="multi-class",
        classes=3,
        l2_grid=(refitted.l2,),
    )
    np.testing.assert_allclose(refitted.scores, whole.scores)
