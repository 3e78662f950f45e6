"""One trial: a classifier trained on labels, its best epoch chosen by validation AUC, and scored once on the test part.

Covers: epochs driven through the engine, early stopping, the best epoch's weights, curves. Does not cover: which images
(`materials.py`), by which recipe (`recipe.py`), repeating trials (`contest.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fastssl.data.source import Task
from fastssl.runtime import Runtime
from fastssl.training.batches import Batches
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock
from fastssl.training.random_state import seeded
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step_metrics import StepMetrics

from .classification import Classification
from .early_stopping import EarlyStopping
from .recipe import Recipe
from .scoring import Scores, score


@dataclass(frozen=True)
class Scored:
    """Batches of images or features in their order, and the labels they are scored against."""

    batches: Batches
    labels: np.ndarray


@dataclass(frozen=True)
class Materials:
    """What one trial is made of.

    encoder: its own copy. train: shuffled and augmented. train_plain: the same images unaugmented, to be scored after
    every epoch, where that is cheap; else curves take the means of the epoch's steps. open_test: called once, when the
    best epoch has been chosen.
    """

    encoder: nn.Module
    feature_dim: int
    train: Batches
    train_plain: Scored | None
    val: Scored
    open_test: Callable[[], AbstractContextManager[Scored]]


@dataclass(frozen=True)
class Epoch:
    """One point of a trial's curves."""

    train_loss: float
    train_acc: float
    val_loss: float
    val_acc: float
    val_auc: float


@dataclass(frozen=True)
class Outcome:
    """What a trial came to: metrics on the test part with the weights of `best_epoch` (from 1), and the way there."""

    auc: float
    acc: float
    best_epoch: int
    epochs: tuple[Epoch, ...]
    notes: tuple[str, ...]
    seconds: float


def run_trial(
    materials: Materials,
    recipe: Recipe,
    *,
    task: Task,
    outputs: int,
    seed: int,
    runtime: Runtime,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Outcome:
    """Train, choose, test.

    Raises:
        DivergenceError: a loss or a score is not finite. KeyboardInterrupt: Ctrl-C or SIGTERM came.
    """
    begin = time.monotonic()
    if runtime.compile:
        torch.compiler.reset()  # another model's graphs would count towards the limit of recompilations
    with seeded(seed, runtime.device):
        stage = Classification(
            materials.encoder,
            materials.feature_dim,
            outputs,
            multi_label=task == "multi-label, binary-class",
            classifier=recipe.classifier,
            seed=seed,
        )
        training = _Training(stage, materials, recipe, task, runtime)
        watch = EarlyStopping(recipe.patience)
        epochs: list[Epoch] = []
        best: dict[str, Tensor] = {}
        while len(epochs) < recipe.epochs and not watch.exhausted:
            epoch, validation = training.epoch()
            epochs.append(epoch)
            if watch.better(validation):
                best = {name: value.clone() for name, value in stage.state_dict().items()}
            on_epoch(epoch)
        stage.load_state_dict(best)
        with materials.open_test() as test:
            tested = score(stage, test.batches, test.labels, task, runtime)
    notes = [f"validation {validation.note}; epochs chosen by log loss"] if validation.note else []
    notes += [f"test {tested.note}"] if tested.note else []
    return Outcome(tested.auc, tested.acc, watch.best_epoch, tuple(epochs), tuple(notes), time.monotonic() - begin)


class _Training:
    """The engine, an epoch at a time."""

    def __init__(
        self, stage: Classification, materials: Materials, recipe: Recipe, task: Task, runtime: Runtime
    ) -> None:
        self._materials, self._task, self._acceleration = materials, task, runtime
        self._steps = len(materials.train)
        schedule = CosineSchedule(recipe.lr, recipe.epochs * self._steps)
        self._engine = Engine(stage, materials.train, runtime, recipe.optimizer, schedule, checkpoints=None)
        self._stage = stage
        self._clock = StepClock(materials.train.batch_size)

    def epoch(self) -> tuple[Epoch, Scores]:
        """Train one epoch and score the validation part."""
        readings: list[StepMetrics] = []
        stop = self._engine.fit(self._engine.step + self._steps, readings.append, self._clock)
        if stop.signal is not None:
            raise KeyboardInterrupt
        validation = self._score(self._materials.val)
        if self._materials.train_plain is None:
            loss, acc = (
                float(np.mean([reading.values[name] for reading in readings])) for name in ("loss", "accuracy")
            )
        else:
            training = self._score(self._materials.train_plain)
            loss, acc = training.loss, training.acc
        return Epoch(loss, acc, validation.loss, validation.acc, validation.auc), validation

    def _score(self, scored: Scored) -> Scores:
        return score(self._stage, scored.batches, scored.labels, self._task, self._acceleration)
