"""What the trials of a comparison say together: means, deviations, and differences with their tests.

Covers: one row per initialization, intervals of its Dice, all pairs of initializations. Does not cover: scores of
images (`metrics.py`), statistics (`evaluation/shared/statistics.py`), showing and writing (`report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import nan

import numpy as np

from fastssl.evaluation.shared.baselines import RANDOM_RUN
from fastssl.evaluation.shared.bootstrap import RESAMPLES, bootstrap_mean
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test

from .metrics import ImageScore, mean_score, std_score
from .trial_record import SegmentTrial

ALL_FOREGROUND = "all foreground"
"""The name of the row that shows what a Dice of nothing learned is."""
LEAST_UNITS = 20
"""Images or patients below which percentile intervals of a mean are known to be short."""


@dataclass(frozen=True, kw_only=True)
class SegmentRow:
    """All trials of one initialization.

    Attributes:
        run: its name, that of a baseline, "random", or "all foreground", which needs no training.
        encoder_init: "run", "random" or "pretrained"; empty where nothing was trained.
        decoder_init: likewise.
        trials: one per seed.
        dice_low: lower end of the 95 % interval of the mean Dice over resampled test images, or patients; nan where
            there is none.
        dice_high: the upper end.
    """

    run: str
    encoder_init: str
    decoder_init: str
    trials: tuple[SegmentTrial, ...]
    dice_low: float = nan
    dice_high: float = nan

    @property
    def label(self) -> str:
        """Return a text that tells the initialization from the others."""
        if self.run == RANDOM_RUN or not self.encoder_init:  # the latter where nothing was trained
            return self.run
        return f"{self.run} ({self.encoder_init}, {self.decoder_init})"

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


def with_intervals(rows: Sequence[SegmentRow], patients: Mapping[str, str]) -> tuple[SegmentRow, ...]:
    """Add the bootstrap intervals of Dice, all on the same resamples: of each image its mean over trials.

    Args:
        rows: of the comparison.
        patients: name of an image -> its patient; empty where that is not known.
    """
    found = []
    for row in rows:
        dice = np.mean([[score.dice for score in trial.test] for trial in row.trials], axis=0)
        names = [patients.get(score.image, score.image) for score in row.trials[0].test]
        low, high = bootstrap_mean(dice, np.unique(names, return_inverse=True)[1] if patients else None)
        found.append(replace(row, dice_low=low, dice_high=high))
    return tuple(found)


def interval_note(row: SegmentRow, patients: Mapping[str, str]) -> str:
    """Return what the intervals of Dice are, as one line.

    Args:
        row: of the comparison.
        patients: as for `with_intervals`.
    """
    images = [score.image for score in row.trials[0].test]
    units = len({patients.get(image, image) for image in images})
    of = f"the {units} patients of the {len(images)} test images" if patients else f"the {units} test images"
    few = f"; of so few they tend to be too short ({LEAST_UNITS} or more are better)" if units < LEAST_UNITS else ""
    return f"Dice 95 %: percentiles of {RESAMPLES} bootstrap resamples of {of}{few}"


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
