"""One trial: train a classifier on labels, choose its best epoch by validation AUC, score it once on the test part.

Covers: epochs driven through the engine, the curves, the result. Does not cover: which images (`trial_data.py`), by
which recipe (`recipe.py`), stopping and the best weights (`fastssl.evaluation.shared.early_stopping`), repeating trials
(`trial_grid.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fastssl.data.source import Task
from fastssl.evaluation.shared.detail import MetricDetail, metric_details
from fastssl.evaluation.shared.early_stopping import Score, train_to_best_epoch
from fastssl.runtime import Runtime
from fastssl.training.batches import Batches
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock
from fastssl.training.random_state import seeded
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step_metrics import StepMetrics

from .classification import Classification
from .recipe import FinetuneRecipe
from .scoring import Scores, score


@dataclass(frozen=True, kw_only=True)
class LabelledBatches:
    """Batches of images or features in their order, the labels that they are scored against, and whose they are."""

    batches: Iterable[dict[str, Tensor]]
    labels: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class TrialData:
    """What one trial is trained, chosen and tested on.

    Attributes:
        encoder: the trial's own copy, which is trained; maps a batch's "image" to features `[B, feature_dim]`.
        feature_dim: number of features.
        train: shuffled and augmented batches.
        train_plain: the same images unaugmented, to be scored after every epoch, where that is cheap; None where the
            curves take the means of the epoch's steps.
        val: the validation part.
        open_test: opens the test part; called once, when the best epoch has been chosen.
    """

    encoder: nn.Module
    feature_dim: int
    train: Batches
    train_plain: LabelledBatches | None
    val: LabelledBatches
    open_test: Callable[[], AbstractContextManager[LabelledBatches]]


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One point of a trial's curves: mean cross-entropy and accuracy of both parts, AUC of the validation part."""

    train_loss: float
    train_acc: float
    val_loss: float
    val_acc: float
    val_auc: float


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """Result of a trial.

    Attributes:
        auc: on the test part, with the weights of the best epoch; nan where it is undefined.
        acc: likewise.
        best_epoch: counted from 1.
        epochs: the curves, one point per epoch trained.
        notes: what a reader of the numbers should know.
        seconds: wall time.
        detail: more of the test part's results; None where an earlier version kept the trial without it.
    """

    auc: float
    acc: float
    best_epoch: int
    epochs: tuple[Epoch, ...]
    notes: tuple[str, ...]
    seconds: float
    detail: MetricDetail | None = None


ScoreFunction = Callable[[Classification, Iterable[dict[str, Tensor]], np.ndarray, Task, Runtime], Scores]
"""As `fastssl.evaluation.finetune.scoring.score`."""


def run_finetune_trial(
    data: TrialData,
    recipe: FinetuneRecipe,
    *,
    task: Task,
    outputs: int,
    seed: int,
    runtime: Runtime,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    score: ScoreFunction = score,
) -> TrialResult:
    """Train, choose the best epoch by the validation part, and score its weights on the test part.

    Args:
        data: of this trial; its encoder is changed.
        recipe: how to train.
        task: kind of labels, as MedMNIST names it.
        outputs: number of classes, or of labels per image.
        seed: of the classifier's weights and of all other random numbers.
        runtime: device and precision.
        on_epoch: is told of every epoch after it.
        score: scores a part.

    Returns:
        The result; equal arguments give equal results on the same machine, but for `seconds`.

    Raises:
        DivergenceError: a loss or a score is not finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM came.
    """
    begin = time.monotonic()
    if runtime.compile:
        torch.compiler.reset()  # another model's graphs would count towards the limit of recompilations
    with seeded(seed, runtime.device):
        stage = Classification(
            data.encoder,
            data.feature_dim,
            outputs,
            multi_label=task == "multi-label, binary-class",
            classifier=recipe.classifier,
            seed=seed,
        )

        def score_part(part: LabelledBatches) -> Scores:
            return score(stage, part.batches, part.labels, task, runtime)

        training = _Training(stage, data, recipe, runtime, score_part)

        def train_epoch() -> Score:
            validation = training.epoch()
            on_epoch(training.epochs[-1])
            return validation.rank

        stopping = train_to_best_epoch(stage, train_epoch, epochs=recipe.epochs, patience=recipe.patience)
        with data.open_test() as test:
            tested = score_part(test)
            detail = None
            if tested.probabilities is not None:
                (detail,) = metric_details(test.labels, [tested.probabilities], task, test.groups)
    return TrialResult(
        auc=tested.auc,
        acc=tested.acc,
        best_epoch=stopping.best_epoch,
        epochs=tuple(training.epochs),
        notes=(*training.notes, *([f"test {tested.note}"] if tested.note else [])),
        seconds=time.monotonic() - begin,
        detail=detail,
    )


class _Training:
    """The engine, an epoch at a time, and the curves."""

    def __init__(
        self,
        stage: Classification,
        data: TrialData,
        recipe: FinetuneRecipe,
        runtime: Runtime,
        score_part: Callable[[LabelledBatches], Scores],
    ) -> None:
        self._data, self._score_part = data, score_part
        self._steps = len(data.train)
        schedule = CosineSchedule(peak=recipe.lr, total_steps=recipe.epochs * self._steps)
        self._engine = Engine(stage, data.train, runtime, recipe.optimizer, schedule, checkpoints=None)
        self._clock = StepClock(data.train.batch_size)
        self.epochs: list[Epoch] = []
        self.notes: list[str] = []

    def epoch(self) -> Scores:
        """Train one more epoch, add a point to the curves, return the validation scores."""
        metrics: list[StepMetrics] = []
        stop = self._engine.fit(self._engine.step + self._steps, metrics.append, self._clock)
        if stop.signal is not None:
            raise KeyboardInterrupt
        validation = self._score_part(self._data.val)
        self.notes = [f"validation {validation.note}; epochs chosen by log loss"] if validation.note else []
        if self._data.train_plain is None:
            loss, acc = (float(np.mean([one.values[name] for one in metrics])) for name in ("loss", "accuracy"))
        else:
            training = self._score_part(self._data.train_plain)
            loss, acc = training.loss, training.acc
        self.epochs.append(
            Epoch(
                train_loss=loss, train_acc=acc, val_loss=validation.loss, val_acc=validation.acc, val_auc=validation.auc
            )
        )
        return validation
