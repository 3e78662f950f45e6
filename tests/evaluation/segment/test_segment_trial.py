"""One training: its best epoch decides, patience ends it, and what decides between epochs is the Dice, then the AUC."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest

from fastssl.config import SegmentConfig, build
from fastssl.evaluation.segment.data import Sample, open_segmentation_data
from fastssl.evaluation.segment.initialization import Initialization
from fastssl.evaluation.segment.metrics import THRESHOLD, ImageScore
from fastssl.evaluation.segment.prediction import Predictor
from fastssl.evaluation.segment.recipe import choose_recipe
from fastssl.evaluation.segment.trial import rank_of, run_segment_trial, validation_dice
from fastssl.evaluation.segment.trial_grid import describe_trial
from fastssl.evaluation.segment.trial_record import FinishedTrial
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import resolve_runtime

RANDOM = Initialization(name="random", spec=EncoderSpec(name="test_resnet", in_channels=1, size=32))


def trained(folders: tuple[Path, Path], settings: dict[str, Any], **arguments: Any) -> FinishedTrial:
    asked = {"images": folders[0], "masks": folders[1], "batch_size": 4, "lr": 3e-3, **settings}
    config = build(SegmentConfig, asked)
    data = open_segmentation_data(config)
    runtime = resolve_runtime("cpu", amp=False)
    return run_segment_trial(RANDOM, data, choose_recipe(config, data), seed=0, runtime=runtime, **arguments)


class Dictated:
    """Validation scores that are given, and what the test images score and look like with the weights of each epoch."""

    def __init__(self, test: Sequence[Sample], *scores: tuple[float, float]) -> None:
        self.test, self.scores = test, iter(scores)
        self.tested: list[tuple[ImageScore, ...]] = []
        self.found: list[list[Any]] = []

    def __call__(self, predictor: Predictor, samples: Sequence[Sample]) -> tuple[float, float]:
        assert [sample.name for sample in samples] == ["case_6"]
        self.tested.append(predictor.score(self.test))
        self.found.append([(predictor(sample) >= THRESHOLD).tolist() for sample in self.test])
        return next(self.scores)


def images_to_test(folders: tuple[Path, Path]) -> Sequence[Sample]:
    config = build(SegmentConfig, {"images": folders[0], "masks": folders[1]})
    return open_segmentation_data(config).splits["test"]


@pytest.mark.parametrize(
    ("scores", "best", "length"),
    [
        ([(0.2, 0.5), (0.6, 0.5), (0.5, 0.9), (0.6, 0.5), (0.1, 0.5)], 2, 5),
        ([(0.0, 0.5), (0.0, 0.6), (0.0, 0.7), (0.0, 0.65), (0.0, 0.7), (0.0, -1.0)], 3, 6),
    ],
    ids=["by Dice", "by AUC while Dice is 0"],
)
def test_the_best_epochs_weights_are_kept_and_patience_ends_the_training(
    folders: tuple[Path, Path], scores: list[tuple[float, float]], best: int, length: int
) -> None:
    dictated = Dictated(images_to_test(folders), *scores)
    trial = trained(folders, {"epochs": 50, "patience": 3}, validate=dictated)
    figures = trial.figures
    assert (figures.best_step, figures.steps, figures.val_dice) == (best, length, scores[best - 1][0])
    assert figures.test == dictated.tested[best - 1]
    assert figures.test != dictated.tested[-1]
    assert [mask.tolist() for mask in trial.shown] == dictated.found[best - 1]


def test_the_schedule_ends_within_an_epoch_if_its_steps_do(folders: tuple[Path, Path]) -> None:
    """Six images of 32 px as four patches of 16 each are six steps of four patches an epoch."""
    steps: list[int] = []
    trial = trained(folders, {"steps": 8, "patch": 16}, update=lambda step, facts: steps.append(step))
    assert steps == list(range(1, 9))
    assert trial.figures.steps == 8
    assert trial.figures.best_step in (6, 8)


def test_the_validation_dice_is_that_of_the_last_step_with_the_test_images_out_of_sight(
    folders: tuple[Path, Path],
) -> None:
    config = build(
        SegmentConfig,
        {"images": folders[0], "masks": folders[1], "batch_size": 4, "lr": 3e-3, "steps": 3, "freeze_encoder": True},
    )
    data, runtime = open_segmentation_data(config), resolve_runtime("cpu", amp=False)
    recipe, steps = choose_recipe(config, data), []
    blind = replace(data, splits={**data.splits, "test": ()})
    found = validation_dice(
        RANDOM, blind, recipe, seed=0, runtime=runtime, update=lambda step, facts: steps.append(step)
    )
    last: list[float] = []
    run_segment_trial(
        RANDOM,
        data,
        recipe,
        seed=0,
        runtime=runtime,
        validate=lambda predictor, samples: (last.append(rank_of(predictor.score(samples))[0]) or 0.0, 0.0),
    )
    assert steps == [1, 2, 3]
    assert found == last[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_trial_after_the_step_in_progress(folders: tuple[Path, Path], number: signal.Signals) -> None:
    steps: list[int] = []

    def interrupt(step: int, facts: str) -> None:
        steps.append(step)
        if step == 3:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        trained(folders, {"steps": 9, "batch_size": 2}, update=interrupt)
    assert steps == [1, 2, 3]


def score(dice: float, auc: float) -> ImageScore:
    return ImageScore(image="a", dice=dice, iou=0.0, sensitivity=0.0, specificity=0.0, auc=auc)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([(0.2, 0.5), (0.4, 0.9)], (0.3, 0.7)),
        ([(1.0, nan), (0.0, 0.6)], (0.5, 0.6)),
        ([(1.0, nan)], (1.0, -1.0)),
    ],
)
def test_epochs_are_ranked_by_mean_dice_and_then_by_mean_auc(
    scores: list[tuple[float, float]], expected: tuple[float, float]
) -> None:
    assert rank_of([score(*one) for one in scores]) == pytest.approx(expected)


def test_while_nothing_is_found_a_trial_says_what_helps(folders: tuple[Path, Path]) -> None:
    """Cross-entropy on rare foreground: the Dice at 0.5 is zero for many epochs in which the network does learn."""
    nothing = trained(folders, {"steps": 1}, validate=lambda predictor, samples: (0.0, 0.7))
    assert "nothing is found yet: train longer, or give --objective bce+dice" in describe_trial(nothing)
    something = trained(folders, {"steps": 1}, validate=lambda predictor, samples: (0.25, 0.7))
    assert describe_trial(something).startswith("best at step 1 of 1, validation Dice 0.250, ")
    assert "nothing is found" not in describe_trial(something)
