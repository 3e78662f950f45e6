"""The supervised objective against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fastssl.evaluation.finetune.classification import Classification

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])


class Given(nn.Module):
    """A head that yields `LOGITS`."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(LOGITS) + 0 * features.sum()


def stage(*, multi_label: bool) -> Classification:
    made = Classification(nn.Identity(), 4, 3, multi_label=multi_label)
    made.head = Given()
    return made


def test_one_label_is_scored_by_softmax_cross_entropy() -> None:
    label = np.array([0, 2])
    output = stage(multi_label=False).loss({"image": torch.ones(2, 4), "label": torch.from_numpy(label)})
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert output.loss.item() == pytest.approx(-np.log(softmax[[0, 1], label]).mean())
    assert output.metrics["accuracy"].item() == 0.5


def test_several_labels_are_scored_by_a_sigmoid_each() -> None:
    label = np.array([[1, 0, 0], [0, 1, 1]])
    output = stage(multi_label=True).loss({"image": torch.ones(2, 4), "label": torch.from_numpy(label)})
    sigmoid = 1 / (1 + np.exp(-LOGITS))
    expected = -(label * np.log(sigmoid) + (1 - label) * np.log(1 - sigmoid)).mean()
    assert output.loss.item() == pytest.approx(expected)
    assert output.metrics["accuracy"].item() == pytest.approx(5 / 6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_probabilities_are_those_of_the_loss(multi_label: bool) -> None:
    found = stage(multi_label=multi_label).probabilities(torch.from_numpy(LOGITS)).numpy()
    exponential = np.exp(LOGITS)
    expected = 1 / (1 + 1 / exponential) if multi_label else exponential / exponential.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected)


def test_the_classifier_is_drawn_from_its_seed_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (Classification(nn.Identity(), 4, 3, multi_label=False, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_two_layer_classifier_has_a_hidden_layer() -> None:
    head = Classification(nn.Identity(), 4, 3, multi_label=False, classifier="mlp").head
    assert [(layer.in_features, layer.out_features) for layer in head if isinstance(layer, nn.Linear)] == [
        (4, 256),
        (256, 3),
    ]


def test_the_objective_compiles_into_one_graph() -> None:
    made = Classification(nn.Linear(4, 4), 4, 3, multi_label=False)
    batch = {"image": torch.randn(5, 4), "label": torch.tensor([0, 1, 2, 0, 1])}
    compiled = torch.compile(made.loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(batch).loss, made.loss(batch).loss)
