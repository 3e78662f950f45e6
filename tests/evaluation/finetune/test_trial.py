"""A trial: epochs, the best of them, and the test part once at the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fastssl.errors import DivergenceError
from fastssl.evaluation.finetune import trial as trial_module
from fastssl.evaluation.finetune.feature_loader import FeatureLoader
from fastssl.evaluation.finetune.recipe import Recipe
from fastssl.evaluation.finetune.scoring import Scores
from fastssl.evaluation.finetune.trial import Epoch, Materials, Outcome, Scored, run_trial
from fastssl.runtime import resolve_runtime

RECIPE = Recipe(True, "linear", 0.05, 0.0, epochs=12, patience=12, batch_size=None, augment=False)
CPU = resolve_runtime("cpu", False, False)


def blobs(count: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Two classes that a line separates: float32 `[N, 4]`, `[N]`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = rng.normal(0, 0.3, (count, 4)) + 2 * (labels[:, None] - 0.5)
    return torch.from_numpy(features.astype(np.float32)), labels


def scored(count: int, seed: int) -> Scored:
    features, labels = blobs(count, seed)
    loader = FeatureLoader(features, labels, batch_size=8, device=torch.device("cpu"), shuffle=False)
    return Scored(loader, labels)


class Spy:
    """Materials whose test part tells when it is opened."""

    def __init__(self) -> None:
        self.events: list[str] = []
        features, labels = blobs(40, 0)
        train = FeatureLoader(features, labels, batch_size=8, device=torch.device("cpu"), seed=0)
        self.materials = Materials(nn.Identity(), 4, train, scored(40, 0), scored(20, 1), self._open)

    @contextmanager
    def _open(self) -> Iterator[Scored]:
        self.events.append("test opened")
        yield scored(20, 2)
        self.events.append("test closed")

    def run(self, recipe: Recipe = RECIPE, on_epoch: Callable[[Epoch], None] | None = None) -> Outcome:
        def note(epoch: Epoch) -> None:
            self.events.append("epoch")
            if on_epoch is not None:
                on_epoch(epoch)

        task = "binary-class"
        return run_trial(self.materials, recipe, task=task, outputs=2, seed=5, runtime=CPU, on_epoch=note)


def test_a_separable_task_is_learned_to_an_auc_of_one() -> None:
    outcome = Spy().run()
    assert (outcome.auc, outcome.acc) == (1.0, 1.0)
    assert outcome.epochs[-1].train_loss < outcome.epochs[0].train_loss
    assert len(outcome.epochs) == 12


def test_the_test_part_is_opened_once_after_the_last_epoch() -> None:
    spy = Spy()
    spy.run(replace(RECIPE, epochs=3))
    assert spy.events == ["epoch", "epoch", "epoch", "test opened", "test closed"]


def scripted(monkeypatch: pytest.MonkeyPatch, spy: Spy, auc: list[float]) -> list[dict[str, torch.Tensor]]:
    """Have validation AUC follow a script; returns the weights that were scored on the test part."""
    script, tested = iter(auc), []

    def score(stage: nn.Module, batches: object, labels: np.ndarray, *_: object) -> Scores:
        if batches is spy.materials.val.batches:
            weights.append({name: value.clone() for name, value in stage.state_dict().items()})
            return Scores(next(script), 0.5, 1.0)
        if batches is not spy.materials.train_plain.batches:
            tested.append({name: value.clone() for name, value in stage.state_dict().items()})
        return Scores(0.5, 0.5, 1.0)

    weights: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(trial_module, "score", score)
    spy.weights = weights
    return tested


def test_it_stops_early_and_tests_the_weights_of_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy()
    tested = scripted(monkeypatch, spy, [0.5, 0.6, 0.9, 0.7, 0.8, 0.85, 0.99])
    outcome = spy.run(replace(RECIPE, patience=3))
    assert (outcome.best_epoch, len(outcome.epochs)) == (3, 6)
    assert [epoch.val_auc for epoch in outcome.epochs] == [0.5, 0.6, 0.9, 0.7, 0.8, 0.85]
    assert len(tested) == 1
    assert all(torch.equal(value, spy.weights[2][name]) for name, value in tested[0].items())
    assert not torch.equal(tested[0]["head.weight"], spy.weights[5]["head.weight"])


def test_a_trial_is_the_same_when_it_is_done_again() -> None:
    first, again = Spy().run(), Spy().run()
    assert replace(first, seconds=0) == replace(again, seconds=0)


def test_training_starts_at_the_peak_and_follows_a_cosine_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    adam = torch.optim.Adam.step

    def step(self: torch.optim.Adam, *arguments: object, **settings: object) -> object:
        rates.append(self.param_groups[0]["lr"])
        return adam(self, *arguments, **settings)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    Spy().run(replace(RECIPE, epochs=4))
    steps = 4 * 5
    expected = [0.025 * (1 + np.cos(np.pi * number / steps)) for number in range(steps)]
    np.testing.assert_allclose(rates, expected)


def test_without_plain_training_images_the_curve_is_the_mean_of_the_steps() -> None:
    spy = Spy()
    spy.materials = replace(spy.materials, train_plain=None)
    outcome = spy.run(replace(RECIPE, epochs=1, lr=1e-12))
    head = trial_module.Classification(nn.Identity(), 4, 2, multi_label=False, seed=5).head
    features, labels = blobs(40, 0)
    logits = (features.double() @ head.weight.double().T + head.bias.double()).detach().numpy()
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert outcome.epochs[0].train_loss == pytest.approx(-log_softmax[np.arange(40), labels].mean(), rel=1e-5)
    assert outcome.epochs[0].train_acc == pytest.approx((logits.argmax(axis=1) == labels).mean())


def test_a_diverged_loss_ends_it_with_advice() -> None:
    spy = Spy()
    with pytest.raises(DivergenceError, match="start again with a lower --lr"):
        spy.run(replace(RECIPE, lr=1e38, epochs=6))


def test_a_signal_ends_it_before_anything_is_tested() -> None:
    spy = Spy()
    iterate = type(spy.materials.train).__iter__

    class Stopping(FeatureLoader):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            signal.raise_signal(signal.SIGTERM)
            return iterate(self)

    features, labels = blobs(40, 0)
    train = Stopping(features, labels, batch_size=8, device=torch.device("cpu"))
    spy.materials = replace(spy.materials, train=train)
    with pytest.raises(KeyboardInterrupt):
        spy.run()
    assert spy.events == []


def test_an_undefined_validation_auc_is_told_and_the_loss_decides() -> None:
    spy = Spy()
    features, _ = blobs(20, 1)
    labels = np.zeros(20, np.int64)
    loader = FeatureLoader(features, labels, batch_size=8, device=torch.device("cpu"), shuffle=False)
    spy.materials = replace(spy.materials, val=Scored(loader, labels))
    outcome = spy.run(replace(RECIPE, epochs=3))
    losses = [epoch.val_loss for epoch in outcome.epochs]
    assert outcome.best_epoch == 1 + int(np.argmin(losses))
    assert "epochs chosen by log loss" in outcome.notes[0]
