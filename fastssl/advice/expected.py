"""What the commands of an advice will take, measured by real steps on this machine.

Covers: pre-training by its own estimate, epochs of the evaluation by doing a few of them, fitting the evaluation into a
budget. Does not cover: timing steps (`fastssl.estimation`), which commands (`commands.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from fastssl.config.advise import AdviseConfig
from fastssl.console import say, silent_console
from fastssl.errors import ConfigError
from fastssl.estimation import estimate_training
from fastssl.estimation.words import time_text
from fastssl.evaluation.finetune import finetune
from fastssl.evaluation.segment.run import segment
from fastssl.stages.registry import train_config
from fastssl.training.monitor.budget import PASSES_PER_STEP

from .commands import MOST_EPOCHS, MOST_TRIALS, Command, EpochSeconds, within_budget
from .look import Looked

FEW, MORE = 1, 3
"""Epochs that an evaluation is timed by; their difference is without what both prepare and score."""
MOST_TIMED, LEAST_TIMED, USUAL_SIZE = 512, 64, 64
"""Labelled images of a timed epoch of fine-tuning: at most, and at least where images are larger than so many pixels a
side."""
LEAST_SECONDS = 1e-3
"""That an epoch takes; the difference of two times may be less."""
SEGMENT_EPOCHS = 200
"""Of `fastssl segment`, at most."""

Clock = Callable[[], float]
"""Tells the time in seconds, from any moment on."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What commands will take.

    Attributes:
        training_seconds: of pre-training; 0 where there is none.
        evaluation_seconds: of the evaluation, at most: it stops early; 0 where there is none.
        images_per_second: of pre-training; 0 where there is none.
    """

    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    images_per_second: float = 0.0

    def __str__(self) -> str:
        """Such as "12 min 05 s of pre-training (1,437 images/s), then at most 3 min 20 s of evaluation"."""
        parts = []
        if self.training_seconds:
            speed = f"{self.images_per_second:,.0f} images/s"
            parts.append(f"{time_text(self.training_seconds)} of pre-training ({speed})")
        if self.evaluation_seconds:
            parts.append(f"at most {time_text(self.evaluation_seconds)} of evaluation")
        return ", then ".join(parts) + ", measured on this machine"


def measured(
    commands: Sequence[Command], looked: Looked, config: AdviseConfig, console: Console, clock: Clock = time.monotonic
) -> tuple[tuple[Command, ...], Expected | None]:
    """Measure what commands will take, and fit the evaluation into what a budget leaves.

    Args:
        commands: of the advice.
        looked: the data.
        config: what was asked for.
        console: is told what is measured.
        clock: what epochs are timed by.

    Returns:
        The commands, and what they will take; None where there is nothing to measure.

    Raises:
        FastSSLError: a command cannot be carried out.
    """
    training = rate = 0.0
    left, done = config.budget, []
    for command in commands:
        if command.name == "train":
            say(console, "measuring some steps of pre-training")
            training, rate = _training(command, config.budget)
            left = None if left is None else left - training / 60
            done.append(command)
    found = [command for command in commands if command.name in ("finetune", "segment")]
    if not found:
        quick = tuple(commands)
        return quick, Expected(training_seconds=training, images_per_second=rate) if training else None
    say(console, "measuring some epochs of the evaluation")
    seconds = _epoch_seconds(found[0], looked, config, clock)
    evaluation = found[0] if left is None else _fitted(found[0], seconds, left)
    expected = Expected(
        training_seconds=training,
        evaluation_seconds=seconds.of(evaluation) * _epochs(evaluation),
        images_per_second=rate,
    )
    return (*done, evaluation), expected


def _training(command: Command, budget: float | None) -> tuple[float, float]:
    """Seconds of pre-training, and its images per second."""
    settings = {name: value for name, value in command.settings.items() if value is not None}
    try:
        found = estimate_training(train_config(settings), silent_console(), largest_batch=False)
    except ConfigError as error:
        if budget is None:
            raise
        share = f"budget={budget:.3g} minutes, of which --minutes {settings['minutes']} are for pre-training"
        raise ConfigError([f"{share}: {problem}" for problem in error.problems]) from None
    return found.seconds, found.stages[-1].speed.images_per_second


def _fitted(evaluation: Command, seconds: EpochSeconds, minutes: float) -> Command:
    if minutes <= 0:
        raise ConfigError(["budget: too short for any of this; give more time, or fewer and smaller images"])
    if evaluation.name == "finetune":
        return within_budget(evaluation, seconds, minutes)
    epochs = int(60 * minutes / seconds.of(evaluation))
    return evaluation if epochs >= SEGMENT_EPOCHS else evaluation.with_settings(epochs=max(1, epochs))


def _epochs(evaluation: Command) -> int:
    """Epochs of all trials of a candidate, at most; 0 of a command without epochs."""
    settings = evaluation.settings
    if evaluation.name == "segment":
        return int(settings.get("epochs", SEGMENT_EPOCHS))
    if evaluation.name != "finetune":
        return 0
    return int(settings.get("epochs", MOST_EPOCHS)) * int(settings.get("trials", MOST_TRIALS))


def _epoch_seconds(evaluation: Command, looked: Looked, config: AdviseConfig, clock: Clock) -> EpochSeconds:
    """Seconds of one epoch from random weights, which takes as long as one from a run, and of one from ImageNet's."""
    with TemporaryDirectory() as place:
        settings: dict[str, Any] = {**evaluation.settings, "trials": 1, "quiet": True, "device": config.device}
        if evaluation.name == "segment":
            return EpochSeconds(own=max(_segment_epoch({**settings, "out": Path(place)}, clock), LEAST_SECONDS))
        return _finetune_epoch(looked, config, settings, Path(place))


def _finetune_epoch(looked: Looked, config: AdviseConfig, settings: dict[str, Any], place: Path) -> EpochSeconds:
    """One epoch on all labels that are asked for, by the difference of three epochs and one, on few of them.

    An epoch also scores all validation images, each of which is one pass of the encoder, where training takes
    `PASSES_PER_STEP`.
    """
    there = looked.facts.images if config.label_budget is not None else looked.facts.labels or 1
    asked = float(settings.get("label_fraction", 1.0))
    share = min(asked, max(_most_timed(looked.facts.size) / there, 1e-4))
    own = {"data": config.data, "data_root": config.data_root, "label_fraction": share}

    def timed(call: str, epochs: int) -> list[float]:
        folder = place / call  # of its own, as finished trials are not done again
        result = finetune("random", console=silent_console(), **{**settings, **own, "out": folder, "epochs": epochs})
        return [trial.result.seconds for trial in result.trials]

    timed("first", FEW)  # tunes and decodes
    both = zip(timed("few", FEW), timed("more", MORE), strict=True)
    val = looked.source.splits.get("val")
    scored = (0 if val is None else len(val)) / PASSES_PER_STEP
    whole = (asked * there + scored) / (share * there + scored)
    seconds = [max((more - few) / (MORE - FEW) * whole, LEAST_SECONDS) for few, more in both]
    return EpochSeconds(own=seconds[0], imagenet=sum(seconds[1:]))


def _most_timed(size: int) -> int:
    """Labelled images of a timed epoch: fewer of large ones."""
    return max(LEAST_TIMED, int(MOST_TIMED * min(1.0, (USUAL_SIZE / size) ** 2)))


def _segment_epoch(settings: dict[str, Any], clock: Clock) -> float:
    """One epoch by its steps, and its share of the scoring, which is done on validation and test images once."""
    began = clock()
    result = segment("random", console=silent_console(), **{**settings, "epochs": FEW})
    passed = clock() - began
    (trial,) = result.row("random", "random", "random").trials
    training = trial.steps * trial.seconds_per_step
    val, test = (len(result.images[split]) for split in ("val", "test"))
    return training + max(0.0, passed - training) * val / (val + test)
