"""What the trials of a comparison say together: means, deviations, and differences with their tests.

Covers: one row per initialization, all pairs of initializations. Does not cover: scores of images (`metrics.py`),
statistics (`evaluation/shared/statistics.py`), showing and writing (`report.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan

import numpy as np

from fastssl.evaluation.shared.baselines import RANDOM_RUN
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test

from .metrics import ImageScore, mean_score, std_score
from .trial_record import SegmentTrial

ALL_FOREGROUND = "all foreground"
"""The name of the row that shows what a Dice of nothing learned is."""


@dataclass(frozen=True, kw_only=True)
class SegmentRow:
    """All trials of one initialization.

    Attributes:
        run: its name, that of a baseline, "random", or "all foreground", which needs no training.
        encoder_init: "run", "random" or "pretrained"; empty where nothing was trained.
        decoder_init: likewise.
        trials: one per seed.
    """

    run: str
    encoder_init: str
    decoder_init: str
    trials: tuple[SegmentTrial, ...]

    @property
    def label(self) -> str:
        """Return a text that tells the initialization from the others."""
        return self.run if self.run == RANDOM_RUN else f"{self.run} ({self.encoder_init}, {self.decoder_init})"

    def by_trial(self, metric: str) -> list[float]:
        """Return the mean over test images of every trial.

        Args:
            metric: one of `metrics.METRICS`; likewise for the other methods.
        """
        return [mean_score(trial.test, metric) for trial in self.trials]

    def mean(self, metric: str) -> float:
        """Return the mean over trials of the mean over test images."""
        return mean_interval(self.by_trial(metric)).mean

    def std_over_images(self, metric: str) -> float:
        """Return the standard deviation over the test images, the mean over trials."""
        return float(np.mean([std_score(trial.test, metric) for trial in self.trials]))

    def std_over_trials(self, metric: str) -> float:
        """Return the standard deviation (n - 1) over trials of the mean over images; nan for one trial."""
        return mean_interval(self.by_trial(metric)).std


@dataclass(frozen=True, kw_only=True)
class SegmentPair:
    """The test Dice of one initialization less that of another, trials of one seed paired.

    Trials differ in their training alone: the test speaks of training again on the same images, not of other images.

    Attributes:
        initialization: label of the row that comes first in the difference.
        against: label of the row that is subtracted.
        test: the difference and its test; p_holm is adjusted for all pairs.
    """

    initialization: str
    against: str
    test: PairedTest


def baseline_row(scores: tuple[ImageScore, ...]) -> SegmentRow:
    """Return the row of what calling every pixel foreground scores.

    Args:
        scores: of the test images.
    """
    trial = SegmentTrial(seed=0, steps=0, best_step=0, val_dice=nan, seconds_per_step=nan, test=scores)
    return SegmentRow(run=ALL_FOREGROUND, encoder_init="", decoder_init="", trials=(trial,))


def compare_pairs(rows: Sequence[SegmentRow]) -> tuple[SegmentPair, ...]:
    """Compare every two initializations that were trained, the one that comes first less the other.

    Args:
        rows: with their trials in the same order of seeds.
    """
    compared = list(combinations([row for row in rows if row.run != ALL_FOREGROUND], 2))
    tests = holm_adjusted([paired_t_test(one.by_trial("dice"), other.by_trial("dice")) for one, other in compared])
    return tuple(
        SegmentPair(initialization=one.label, against=other.label, test=test)
        for (one, other), test in zip(compared, tests, strict=True)
    )
