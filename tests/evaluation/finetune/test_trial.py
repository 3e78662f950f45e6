"""A trial: epochs, the best of them, and the test part once at the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fastssl.errors import DivergenceError
from fastssl.evaluation.finetune.classification import Classification
from fastssl.evaluation.finetune.feature_loader import FeatureLoader
from fastssl.evaluation.finetune.recipe import FinetuneRecipe
from fastssl.evaluation.finetune.scoring import Scores, score
from fastssl.evaluation.finetune.trial import (
    LabelledBatches,
    ScoreFunction,
    TrialData,
    TrialResult,
    run_finetune_trial,
)
from fastssl.runtime import resolve_runtime

RECIPE = FinetuneRecipe(
    frozen=True,
    classifier="linear",
    lr=0.05,
    weight_decay=0.0,
    epochs=12,
    patience=12,
    batch_size=None,
    augment=False,
)
CPU = resolve_runtime("cpu", False, False)


def blobs(count: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Two classes that a line separates: float32 `[N, 4]`, `[N]`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = rng.normal(0, 0.3, (count, 4)) + 2 * (labels[:, None] - 0.5)
    return torch.from_numpy(features.astype(np.float32)), labels


def scored(count: int, seed: int) -> LabelledBatches:
    features, labels = blobs(count, seed)
    loader = FeatureLoader(features, labels, batch_size=8, device=torch.device("cpu"), shuffle=False)
    return LabelledBatches(batches=loader, labels=labels)


class Spy:
    """Data of a trial whose test part tells when it is opened."""

    def __init__(self) -> None:
        self.events: list[str] = []
        features, labels = blobs(40, 0)
        self.data = TrialData(
            encoder=nn.Identity(),
            feature_dim=4,
            train=FeatureLoader(features, labels, batch_size=8, device=torch.device("cpu"), seed=0),
            train_plain=scored(40, 0),
            val=scored(20, 1),
            open_test=self._open,
        )

    @contextmanager
    def _open(self) -> Iterator[LabelledBatches]:
        self.events.append("test opened")
        yield scored(20, 2)
        self.events.append("test closed")

    def run(self, recipe: FinetuneRecipe = RECIPE, score: ScoreFunction = score) -> TrialResult:
        return run_finetune_trial(
            self.data,
            recipe,
            task="binary-class",
            outputs=2,
            seed=5,
            runtime=CPU,
            on_epoch=lambda _: self.events.append("epoch"),
            score=score,
        )


def test_a_separable_task_is_learned_to_an_auc_of_one() -> None:
    found = Spy().run()
    assert (found.auc, found.acc) == (1.0, 1.0)
    assert found.epochs[-1].train_loss < found.epochs[0].train_loss
    assert len(found.epochs) == 12


def test_the_test_part_is_opened_once_after_the_last_epoch() -> None:
    spy = Spy()
    spy.run(replace(RECIPE, epochs=3))
    assert spy.events == ["epoch", "epoch", "epoch", "test opened", "test closed"]


State = dict[str, torch.Tensor]


class Script:
    """Scores whose validation AUC is dictated; keeps the weights that are validated and tested."""

    def __init__(self, data: TrialData, auc: list[float]) -> None:
        self._data, self._auc = data, iter(auc)
        self.validated: list[State] = []
        self.tested: list[State] = []

    def score(self, stage: nn.Module, batches: object, *_: object) -> Scores:
        weights = {name: value.clone() for name, value in stage.state_dict().items()}
        if batches is self._data.val.batches:
            self.validated.append(weights)
            return Scores(auc=next(self._auc), acc=0.5, loss=1.0)
        if batches is not self._data.train_plain.batches:
            self.tested.append(weights)
        return Scores(auc=0.5, acc=0.5, loss=1.0)


def test_it_stops_early_and_tests_the_weights_of_the_best_epoch() -> None:
    spy = Spy()
    script = Script(spy.data, [0.5, 0.6, 0.9, 0.7, 0.8, 0.85, 0.99])
    found = spy.run(replace(RECIPE, patience=3), script.score)
    assert (found.best_epoch, len(found.epochs)) == (3, 6)
    assert [epoch.val_auc for epoch in found.epochs] == [0.5, 0.6, 0.9, 0.7, 0.8, 0.85]
    assert len(script.tested) == 1
    assert all(torch.equal(value, script.validated[2][name]) for name, value in script.tested[0].items())
    assert not torch.equal(script.tested[0]["head.weight"], script.validated[5]["head.weight"])


def test_a_trial_is_the_same_when_it_is_done_again() -> None:
    first, again = Spy().run(), Spy().run()
    assert replace(first, seconds=0) == replace(again, seconds=0)


class RecordingRecipe(FinetuneRecipe):
    """Its optimiser notes the rate of every step."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        made = super().optimizer(parameters)
        made.register_step_pre_hook(lambda optimizer, *_: rates.append(float(optimizer.param_groups[0]["lr"])))
        return made


rates: list[float] = []


def test_training_starts_at_the_peak_and_follows_a_cosine_to_nothing() -> None:
    rates.clear()
    Spy().run(RecordingRecipe(**{**vars(RECIPE), "epochs": 4}))
    steps = 4 * 5
    expected = [0.025 * (1 + np.cos(np.pi * number / steps)) for number in range(steps)]
    np.testing.assert_allclose(rates, expected)


def test_without_plain_training_images_the_curve_is_the_mean_of_the_steps() -> None:
    spy = Spy()
    spy.data = replace(spy.data, train_plain=None)
    found = spy.run(replace(RECIPE, epochs=1, lr=1e-12))
    head = Classification(nn.Identity(), 4, 2, multi_label=False, seed=5).head
    features, labels = blobs(40, 0)
    logits = (features.double() @ head.weight.double().T + head.bias.double()).detach().numpy()
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert found.epochs[0].train_loss == pytest.approx(-log_softmax[np.arange(40), labels].mean(), rel=1e-5)
    assert found.epochs[0].train_acc == pytest.approx((logits.argmax(axis=1) == labels).mean())


def test_a_diverged_loss_ends_it_with_advice() -> None:
    spy = Spy()
    with pytest.raises(DivergenceError, match="start again with a lower --lr"):
        spy.run(replace(RECIPE, lr=1e38, epochs=6))


def test_a_signal_ends_it_before_anything_is_tested() -> None:
    spy = Spy()
    iterate = type(spy.data.train).__iter__

    class Stopping(FeatureLoader):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            signal.raise_signal(signal.SIGTERM)
            return iterate(self)

    features, labels = blobs(40, 0)
    train = Stopping(features, labels, batch_size=8, device=torch.device("cpu"))
    spy.data = replace(spy.data, train=train)
    with pytest.raises(KeyboardInterrupt):
        spy.run()
    assert spy.events == []


def test_an_undefined_validation_auc_is_told_and_the_loss_decides() -> None:
    spy = Spy()
    features, _ = blobs(20, 1)
    labels = np.zeros(20, np.int64)
    loader = FeatureLoader(features, labels, batch_size=8, device=torch.device("cpu"), shuffle=False)
    spy.data = replace(spy.data, val=LabelledBatches(batches=loader, labels=labels))
    found = spy.run(replace(RECIPE, epochs=3))
    losses = [epoch.val_loss for epoch in found.epochs]
    assert found.best_epoch == 1 + int(np.argmin(losses))
    assert "epochs chosen by log loss" in found.notes[0]
