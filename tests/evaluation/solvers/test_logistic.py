"""The batched solver against scikit-learn's LogisticRegression, problem by problem."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fastssl.evaluation.solvers.logistic import fit_logistic, probabilities

L2 = (1e-5, 1e-3, 1e-1, 10.0)


def features_and_classes(samples: int, dimensions: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated, off-centre features, and noisy classes in which every class occurs."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimensions, dimensions)) * np.exp(-np.arange(dimensions) / 5)[:, None]
    features = rng.normal(size=(samples, dimensions)) @ mixing + rng.normal(size=dimensions)
    scores = features @ rng.normal(size=(dimensions, classes)) + rng.gumbel(size=(samples, classes))
    labels = scores.argmax(axis=1)
    labels[:classes] = np.arange(classes)
    return features, labels


def sklearn_fit(features: np.ndarray, labels: np.ndarray, l2: float) -> tuple[float, np.ndarray]:
    """(objective as defined in `logistic.py`, class probabilities)."""
    model = LogisticRegression(C=1 / (l2 * len(features)), tol=1e-10, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # at so small a tol, rounding ends the search
        model.fit(features, labels)
    probability = model.predict_proba(features)
    loss = -np.log(probability[np.arange(len(labels)), labels]).mean()
    return loss + 0.5 * l2 * np.square(model.coef_).sum(), probability


def one_hot(labels: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(labels))


@pytest.mark.parametrize("shape", [(200, 12, 3), (20, 60, 4)], ids=["more samples", "more dimensions"])
def test_softmax_agrees_with_sklearn_at_every_l2_of_a_batch(shape: tuple[int, int, int]) -> None:
    features, labels = features_and_classes(*shape)
    fit = fit_logistic(torch.from_numpy(features), one_hot(labels), torch.tensor(L2))
    ours = probabilities(fit.logits(torch.from_numpy(features)), "softmax").numpy()
    assert fit.converged.all()
    for index, l2 in enumerate(L2):
        objective, expected = sklearn_fit(features, labels, l2)
        assert fit.objective[index].item() == pytest.approx(objective, rel=1e-4)
        np.testing.assert_array_equal(ours[index].argmax(axis=1), expected.argmax(axis=1))
        np.testing.assert_allclose(ours[index], expected, atol=0.01)


def test_one_sigmoid_is_sklearn_s_binary_regression() -> None:
    features, labels = features_and_classes(150, 10, 2)
    fit = fit_logistic(torch.from_numpy(features), torch.from_numpy(labels)[:, None], torch.tensor(L2), link="sigmoid")
    ours = probabilities(fit.logits(torch.from_numpy(features)), "sigmoid").numpy()
    for index, l2 in enumerate(L2):
        objective, expected = sklearn_fit(features, labels, l2)
        assert fit.objective[index].item() == pytest.approx(objective, rel=1e-4)
        np.testing.assert_array_equal(ours[index, :, 0] > 0.5, expected[:, 1] > 0.5)


def test_sigmoids_of_many_labels_are_separate_regressions() -> None:
    features, first = features_and_classes(120, 8, 2, seed=1)
    labels = np.stack([first, features_and_classes(120, 8, 2, seed=2)[1]], axis=1)
    fit = fit_logistic(torch.from_numpy(features), torch.from_numpy(labels), torch.tensor([0.01]), link="sigmoid")
    expected = sum(sklearn_fit(features, labels[:, column], 0.01)[0] for column in range(2))
    assert fit.objective.item() == pytest.approx(expected, rel=1e-4)


def test_problems_with_their_own_features_equal_the_same_problems_alone() -> None:
    sets = [features_and_classes(samples, 30, 3, seed) for seed, samples in enumerate((9, 15, 40))]
    features, targets = torch.zeros(3, 40, 30, dtype=torch.float64), torch.zeros(3, 40, 3)
    weight = torch.zeros(3, 40)
    for index, (rows, labels) in enumerate(sets):
        features[index, : len(rows)] = torch.from_numpy(rows)
        targets[index, : len(rows)] = one_hot(labels)
        weight[index, : len(rows)] = 1
    fit = fit_logistic(features, targets, torch.tensor([1e-3, 1e-2, 1e-1]), sample_weight=weight)
    for index, (rows, labels) in enumerate(sets):
        alone = fit_logistic(torch.from_numpy(rows), one_hot(labels), torch.tensor([(1e-3, 1e-2, 1e-1)[index]]))
        assert fit.objective[index].item() == pytest.approx(alone.objective.item(), rel=1e-5)
        torch.testing.assert_close(fit.weight[index], alone.weight[0], rtol=0.02, atol=1e-3)


def test_weights_per_problem_over_shared_features_choose_the_rows() -> None:
    features, labels = features_and_classes(60, 6, 3)
    weight = torch.ones(2, 60)
    weight[0, 40:] = 0
    fit = fit_logistic(torch.from_numpy(features), one_hot(labels), torch.tensor([0.01, 0.01]), sample_weight=weight)
    expected = [sklearn_fit(features[:rows], labels[:rows], 0.01)[0] for rows in (40, 60)]
    np.testing.assert_allclose(fit.objective.numpy(), expected, rtol=1e-4)


def test_separable_data_at_tiny_l2_converge() -> None:
    features, labels = features_and_classes(30, 100, 2)
    l2 = torch.tensor([1e-7])
    fit = fit_logistic(torch.from_numpy(features), torch.from_numpy(labels)[:, None], l2, link="sigmoid")
    assert fit.converged.all()
    assert fit.objective.item() == pytest.approx(sklearn_fit(features, labels, 1e-7)[0], rel=1e-3)


def test_constant_features_get_no_weight() -> None:
    features, labels = features_and_classes(50, 5, 3)
    features[:, 2] = 7.0
    fit = fit_logistic(torch.from_numpy(features), one_hot(labels), torch.tensor([0.01]))
    assert fit.weight[0, 2].abs().max() < 1e-8


def test_float32_stays_within_a_thousandth_of_the_minimum() -> None:
    features, labels = features_and_classes(300, 20, 4)
    arguments = torch.from_numpy(features), one_hot(labels), torch.tensor(L2)
    single, double = fit_logistic(*arguments, dtype=torch.float32), fit_logistic(*arguments)
    assert (single.weight.dtype, double.weight.dtype) == (torch.float32, torch.float64)
    np.testing.assert_allclose(single.objective.numpy(), double.objective.numpy(), rtol=1e-3)


def test_iterations_run_out_without_an_error_and_are_told() -> None:
    features, labels = features_and_classes(50, 5, 3)
    fit = fit_logistic(torch.from_numpy(features), one_hot(labels), torch.tensor([1e-6, 100.0]), max_iterations=8)
    assert fit.converged.tolist() == [False, True]
    assert fit.iterations[0] == 8


@pytest.mark.parametrize(
    ("targets", "l2", "message"),
    [
        (torch.zeros(9, 2), torch.tensor([1.0]), r"features \[1, 10, 4\], targets \[1, 9, 2\]"),
        (torch.zeros(3, 10, 2), torch.tensor([1.0, 1.0]), "do not fit together for 2 values of l2"),
        (torch.zeros(10, 2), torch.tensor([1.0, 0.0]), "every l2 must be above 0, got 0"),
    ],
)
def test_arguments_that_do_not_fit_are_named(targets: torch.Tensor, l2: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_logistic(torch.zeros(10, 4), targets, l2)
