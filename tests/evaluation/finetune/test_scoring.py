"""Scores on images that are not trained on."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from torch import nn

from fastssl.errors import DivergenceError
from fastssl.evaluation.finetune.classification import Classification
from fastssl.evaluation.finetune.scoring import Scores, score
from fastssl.runtime import resolve_runtime

CPU = resolve_runtime("cpu", False, False)
FEATURES = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32))
LABELS = np.random.default_rng(1).integers(0, 3, 30)


def stage() -> Classification:
    return Classification(nn.Dropout(0.5), 4, 3, multi_label=False, seed=2).train()


def batches(order: np.ndarray) -> list[dict[str, torch.Tensor]]:
    return [{"image": FEATURES[part], "index": torch.from_numpy(part)} for part in np.array_split(order, 4)]


def test_scores_are_scikit_learns_in_eval_mode_and_whatever_the_order() -> None:
    made = stage()
    with torch.no_grad():
        logits = made.head(FEATURES).double()
    probabilities = logits.softmax(dim=1).numpy()
    for order in (np.arange(30), np.random.default_rng(3).permutation(30)):
        found = score(made, batches(order), LABELS, "multi-class", CPU)
        auc = np.mean([roc_auc_score(index == LABELS, probabilities[:, index]) for index in range(3)])
        assert found.auc == pytest.approx(auc)
        assert found.acc == pytest.approx(accuracy_score(LABELS, probabilities.argmax(axis=1)))
        assert found.loss == pytest.approx(log_loss(LABELS, probabilities), rel=1e-5)
    assert made.training
    assert made.encoder.training


def test_scores_that_are_not_finite_are_named() -> None:
    made = stage()
    made.head.weight.data.fill_(float("inf"))
    with pytest.raises(DivergenceError, match="not finite"):
        score(made, batches(np.arange(30)), LABELS, "multi-class", CPU)


def test_epochs_are_ranked_by_auc_and_without_one_by_the_loss() -> None:
    first, second = Scores(auc=0.8, acc=0.5, loss=1.0), Scores(auc=0.7, acc=0.9, loss=0.1)
    assert first.rank > second.rank
    first, second = (Scores(auc=nan, acc=0.5, loss=loss) for loss in (1.0, 0.5))
    assert second.rank > first.rank
