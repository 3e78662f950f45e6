"""Trials summed up: means, deviations, paired comparisons, curves, the overfitting gap, labels saved.

Covers: computing them from finished trials. Does not cover: running trials, tables, files and plots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test

from .candidates import Entrant, opponents
from .label_efficiency import Saving, saving
from .trial import Epoch, Outcome


@dataclass(frozen=True)
class Trial:
    """One finished trial: whose, on which share of the labels, by which seed, and what it came to."""

    contender: str
    label_fraction: float
    seed: int
    n_train: int
    outcome: Outcome


@dataclass(frozen=True)
class Row:
    """One contender on one share of the labels: means over trials, and standard deviations (nan for a single trial).

    auc, acc: on the test part, with the weights of the best epoch. best_epoch: counted from 1. The others are of the
    last epoch: overfitting_gap is validation loss less training loss, accuracy_gap training accuracy less validation
    accuracy. Matas et al. (arXiv 2505.16773) give 0.060 for ImageNet features, whose accuracies differ by 0.12, so we
    take theirs to be the gap of losses.
    """

    contender: str
    label_fraction: float
    n_train: int
    trials: int
    auc: float
    auc_std: float
    acc: float
    acc_std: float
    best_epoch: float
    train_acc: float
    val_acc: float
    overfitting_gap: float
    accuracy_gap: float


def mean_epochs(outcomes: Sequence[Outcome]) -> tuple[Epoch, ...]:
    """The mean curve of several trials, as far as the shortest of them goes."""
    length = min(len(outcome.epochs) for outcome in outcomes)
    table = np.array([[_values(epoch) for epoch in outcome.epochs[:length]] for outcome in outcomes])
    return tuple(Epoch(*(float(value) for value in row)) for row in table.mean(axis=0))


def summed_up(trials: Sequence[Trial]) -> tuple[Row, ...]:
    """A row for every contender and share, in the order in which they first occur."""
    groups: dict[tuple[str, float], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.contender, trial.label_fraction), []).append(trial)
    return tuple(_row(group) for group in groups.values())


@dataclass(frozen=True)
class Comparison:
    """A run against another contender on one share of the labels, trials of one seed paired: its test AUC less theirs.

    pairs: how many. test: p_holm is adjusted for all comparisons, over shares, runs and contenders.
    """

    contender: str
    against: str
    label_fraction: float
    pairs: int
    test: PairedTest


def comparisons(
    trials: Sequence[Trial], entrants: Sequence[Entrant], overlaps: Mapping[float, float] | None = None
) -> tuple[Comparison, ...]:
    """Every run against its opponents, on every share.

    Args:
        overlaps: label fraction -> how much of what sets trials apart the seeds have in common, where the images drawn
            are all that does (`Contest.overlaps`). Against random encoders it counts half: theirs differ by seed.
    """
    auc: dict[tuple[str, float], dict[int, float]] = {}
    for trial in trials:
        auc.setdefault((trial.contender, trial.label_fraction), {})[trial.seed] = trial.outcome.auc
    fractions = list(dict.fromkeys(trial.label_fraction for trial in trials))
    found = [
        _compared(run, other, fraction, auc, (overlaps or {}).get(fraction, 0.0))
        for fraction in fractions
        for run in entrants
        if run.kind == "run"
        for other in opponents(run, entrants)
    ]
    tests = holm_adjusted([one.test for one in found])
    return tuple(replace(one, test=test) for one, test in zip(found, tests, strict=True))


def savings(rows: Sequence[Row], entrants: Sequence[Entrant]) -> tuple[Saving, ...]:
    """What every run saves against the random initialisation of its kind; nothing unless all and fewer were tried."""
    fractions = {row.label_fraction for row in rows}
    if 1.0 not in fractions or len(fractions) < 2:
        return ()
    found = []
    for run in (entrant for entrant in entrants if entrant.kind == "run"):
        random = next(one for one in opponents(run, entrants) if one.kind == "random")
        found.append(saving(run.label, _curve(rows, run.label), _curve(rows, random.label)))
    return tuple(found)


def _row(trials: Sequence[Trial]) -> Row:
    outcomes = [trial.outcome for trial in trials]
    last = [outcome.epochs[-1] for outcome in outcomes]
    auc, acc = (mean_interval([getattr(outcome, name) for outcome in outcomes]) for name in ("auc", "acc"))
    return Row(
        trials[0].contender,
        trials[0].label_fraction,
        trials[0].n_train,
        len(trials),
        auc.mean,
        auc.std,
        acc.mean,
        acc.std,
        float(np.mean([outcome.best_epoch for outcome in outcomes])),
        float(np.mean([epoch.train_acc for epoch in last])),
        float(np.mean([epoch.val_acc for epoch in last])),
        float(np.mean([epoch.val_loss - epoch.train_loss for epoch in last])),
        float(np.mean([epoch.train_acc - epoch.val_acc for epoch in last])),
    )


def _compared(
    run: Entrant, other: Entrant, fraction: float, auc: Mapping[tuple[str, float], dict[int, float]], overlap: float
) -> Comparison:
    own, theirs = auc[run.label, fraction], auc[other.label, fraction]
    seeds = sorted(own.keys() & theirs.keys())
    correlation = overlap / 2 if other.kind == "random" else overlap
    test = paired_t_test([own[seed] for seed in seeds], [theirs[seed] for seed in seeds], correlation)
    return Comparison(run.label, other.label, fraction, len(seeds), test)


def _curve(rows: Sequence[Row], contender: str) -> dict[float, float]:
    return {row.label_fraction: row.auc for row in rows if row.contender == contender}


def _values(epoch: Epoch) -> tuple[float, ...]:
    return epoch.train_loss, epoch.train_acc, epoch.val_loss, epoch.val_acc, epoch.val_auc
