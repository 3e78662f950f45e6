"""One training of one network: its best epoch by validation Dice, then its scores on the test images.

Covers: driving the engine epoch by epoch, what decides between epochs; a training of fixed length that looks at the
validation images alone, once. Does not cover: stopping early and keeping the best weights
(`evaluation/shared/early_stopping.py`), initial weights (`initialization.py`), the values it is trained by
(`recipe.py`), predicting (`prediction.py`), what is kept of it (`trial_record.py`), repeating trials (`trial_grid.py`).

Test images are predicted once, with the weights of the best epoch; they have no say in anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isnan

import torch
from torch import nn

from fastssl.evaluation.shared.early_stopping import Score, train_to_best_epoch
from fastssl.runtime import Runtime
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock
from fastssl.training.random_state import seeded
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step_metrics import StepMetrics

from .augmentation import AUGMENTATIONS
from .data import Sample, SegmentationData
from .initialization import Initialization, build_network
from .metrics import THRESHOLD, ImageScore, mean_score
from .objective import Segmentation
from .patches import PatchLoader
from .prediction import Predictor, score_sample
from .recipe import SegmentRecipe
from .trial_record import FinishedTrial, SegmentTrial

MOST_SHOWN = 24
"""Test images whose predicted masks are kept, to be shown."""


Validate = Callable[[Predictor, Sequence[Sample]], Score]


def shown_samples(data: SegmentationData) -> Sequence[Sample]:
    """Return the test images whose predicted masks a trial keeps: the first ones.

    Args:
        data: all images.
    """
    return data.splits["test"][:MOST_SHOWN]


def validation_score(predictor: Predictor, samples: Sequence[Sample]) -> Score:
    """Return what decides between epochs: (mean Dice, mean AUC), higher is better.

    AUC still tells epochs apart while no pixel passes the threshold and Dice is 0: cross-entropy alone leaves rare
    foreground below it for long. After an epoch of the demo set (62 steps of 8 images) the AUC is 0.87 and the Dice 0.

    Args:
        predictor: of the network as it is.
        samples: the validation images.
    """
    return rank_of(predictor.score(samples))


def rank_of(scores: Sequence[ImageScore]) -> Score:
    """Return (mean Dice, mean AUC) of some images, -1 in place of an AUC that is undefined.

    Args:
        scores: of the images.
    """
    auc = mean_score(scores, "auc")
    return mean_score(scores, "dice"), -1.0 if isnan(auc) else auc


def run_segment_trial(
    initialization: Initialization,
    data: SegmentationData,
    recipe: SegmentRecipe,
    *,
    seed: int,
    runtime: Runtime,
    update: Callable[[int, str], None] = lambda step, facts: None,
    validate: Validate = validation_score,
) -> FinishedTrial:
    """Train a network, keep its best epoch, score the test images.

    Args:
        initialization: the weights that it begins with.
        data: all images.
        recipe: how it is trained.
        seed: of all that is random.
        runtime: device, precision, compilation.
        update: is called with the steps done and a few words on how it goes.
        validate: scores the network on the validation images after every epoch; the highest score is the best.

    Raises:
        CheckpointError: a file of initial weights is damaged or of another network.
        ConfigError: there is no U-Net on this encoder.
        DivergenceError: a loss or a probability is not finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; the step in progress was finished.
    """
    with _begun(initialization, data, recipe, seed, runtime, update, validate) as training:
        return training.run()


def validation_dice(
    initialization: Initialization,
    data: SegmentationData,
    recipe: SegmentRecipe,
    *,
    seed: int,
    runtime: Runtime,
    update: Callable[[int, str], None] = lambda step, facts: None,
) -> float:
    """Train a network for all steps of the recipe, and return the mean Dice of the validation images after the last.

    Nothing is chosen by the validation images, and the test images are not looked at.

    Args:
        initialization: the weights that it begins with.
        data: all images.
        recipe: how it is trained; its patience does not count.
        seed: of all that is random.
        runtime: device, precision, compilation.
        update: is called with the steps done and a few words on how it goes.

    Raises:
        CheckpointError, ConfigError, DivergenceError, KeyboardInterrupt: as `run_segment_trial`.
    """
    with _begun(initialization, data, recipe, seed, runtime, update, validation_score) as training:
        return training.final_validation_dice()


@contextmanager
def _begun(
    initialization: Initialization,
    data: SegmentationData,
    recipe: SegmentRecipe,
    seed: int,
    runtime: Runtime,
    update: Callable[[int, str], None],
    validate: Validate,
) -> Iterator[_SegmentTraining]:
    """A training at its first step; inside the block the global random generators are its own."""
    if runtime.compile:
        torch.compiler.reset()  # another network's graphs would count towards the limit of recompilations
    with seeded(seed, runtime.device):
        yield _SegmentTraining(initialization, data, recipe, seed, runtime, update, validate)


class _SegmentTraining:
    """The engine over patches, an epoch at a time."""

    def __init__(
        self,
        initialization: Initialization,
        data: SegmentationData,
        recipe: SegmentRecipe,
        seed: int,
        runtime: Runtime,
        update: Callable[[int, str], None],
        validate: Validate,
    ) -> None:
        self._data, self._recipe, self._seed = data, recipe, seed
        self._update, self._validate = update, validate
        spec = initialization.spec
        network = build_network(initialization, max(recipe.patch), seed)
        self._stage = Segmentation(network, recipe.objective, freeze_encoder=recipe.freeze_encoder)
        self._loader = PatchLoader(
            data.splits["train"],
            recipe.patch,
            white=data.white,
            batch_size=recipe.batch_size,
            mean=spec.channel_mean,
            std=spec.channel_std,
            seed=seed,
            device=runtime.device,
            dtype=runtime.compute_dtype,
            augmentation=AUGMENTATIONS[recipe.augment],
            prefetch=runtime.prefetch,
        )
        self._total = recipe.total_steps(len(self._loader))
        schedule = CosineSchedule(peak=recipe.lr, total_steps=self._total)

        def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.Adam(parameters, lr=recipe.lr, fused=True)

        self._engine = Engine(self._stage, self._loader, runtime, adam, schedule, checkpoints=None)
        self._predictor = Predictor(
            stage=self._stage,
            spec=spec,
            white=data.white,
            runtime=runtime,
            window=recipe.window,
            overlap=recipe.overlap,
            batch_size=recipe.batch_size,
        )
        self._clock = StepClock(self._loader.batch_size)
        self._scores: list[Score] = []

    def run(self) -> FinishedTrial:
        """Train until the schedule ends or patience does, then test with the best epoch's weights."""
        length = len(self._loader)
        best = train_to_best_epoch(
            self._stage, self._epoch, epochs=-(-self._total // length), patience=self._recipe.patience
        ).best_epoch
        test = self._data.splits["test"]
        shown = shown_samples(self._data)
        probabilities = [self._predictor(sample) for sample in shown]
        figures = SegmentTrial(
            seed=self._seed,
            steps=self._engine.step,
            best_step=min(best * length, self._total),
            val_dice=self._scores[best - 1][0],
            seconds_per_step=self._clock.seconds / max(self._clock.steps, 1),
            test=(*map(score_sample, shown, probabilities), *self._predictor.score(test[len(shown) :])),
        )
        return FinishedTrial(figures=figures, shown=tuple(found >= THRESHOLD for found in probabilities))

    def final_validation_dice(self) -> float:
        """Train all steps without a look at the validation images, and return their mean Dice."""
        self._fit(self._total)
        return mean_score(self._predictor.score(self._data.splits["val"]), "dice")

    def _epoch(self) -> Score:
        """Train an epoch, or what the schedule leaves of it, and score the validation images."""
        self._fit(min(self._total, self._engine.step + len(self._loader)))
        self._scores.append(self._validate(self._predictor, self._data.splits["val"]))
        self._clock.pause()
        return self._scores[-1]

    def _fit(self, until: int) -> None:
        stop = self._engine.fit(until, self._on_metrics, self._clock)
        if stop.signal is not None:
            raise KeyboardInterrupt

    def _on_metrics(self, measured: StepMetrics) -> None:
        dice = f"  val Dice {self._scores[-1][0]:.3f}" if self._scores else ""
        speed = f"{self._clock.images_per_second:,.0f} img/s  data-wait {self._clock.data_wait:.1%}"
        self._update(measured.step, f"loss {measured.values['loss']:.3f}{dice}  {speed}")
