"""Trials summarised: means, deviations, paired comparisons, curves, the overfitting gap.

Covers: computing them from finished trials. Does not cover: running trials (`trial_grid.py`), statistics
(`fastssl.evaluation.shared.statistics`), labels saved (`label_efficiency.py`), tables, files and plots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np

from fastssl.evaluation.shared.baselines import baselines_of
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.detail import MetricDetail, mean_detail
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test

from .trial import Epoch, TrialResult


@dataclass(frozen=True, kw_only=True)
class FinetuneTrial:
    """One finished trial.

    Attributes:
        encoder: label of the candidate.
        label_fraction: share of the training labels.
        seed: of the trial.
        n_train: number of images trained on.
        result: test scores and curves.
    """

    encoder: str
    label_fraction: float
    seed: int
    n_train: int
    result: TrialResult


@dataclass(frozen=True, kw_only=True)
class FinetuneRow:
    """One encoder on one share of the labels: means over trials.

    Attributes:
        encoder: label of the candidate.
        label_fraction: share of the training labels.
        n_train: number of images trained on.
        trials: how many.
        auc: on the test part, with the weights of the best epoch.
        auc_std: standard deviation (n - 1); nan for a single trial.
        acc: accuracy, as `auc`.
        acc_std: likewise.
        best_epoch: counted from 1.
        train_acc: training accuracy after the last epoch.
        val_acc: validation accuracy after the last epoch.
        overfitting_gap: validation loss less training loss after the last epoch. Matas et al. (arXiv 2505.16773) give
            0.060 for ImageNet features, whose accuracies differ by 0.12, so we take theirs to be the gap of losses.
        accuracy_gap: training accuracy less validation accuracy after the last epoch.
        detail: more of the test part's results, means over trials; None where a trial has none.
    """

    encoder: str
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
    detail: MetricDetail | None = None


@dataclass(frozen=True, kw_only=True)
class FinetuneComparison:
    """A run against a baseline on one share of the labels: test AUC of the run less the baseline's, paired by seed.

    Attributes:
        encoder: label of the run.
        against: label of the baseline.
        label_fraction: share of the training labels.
        pairs: number of seeds.
        test: its p_holm is adjusted for all comparisons, over shares, runs and baselines.
    """

    encoder: str
    against: str
    label_fraction: float
    pairs: int
    test: PairedTest


def mean_epochs(results: Sequence[TrialResult]) -> tuple[Epoch, ...]:
    """Return the mean curve of several trials, as far as the shortest of them goes.

    Args:
        results: one or more.
    """
    length = min(len(result.epochs) for result in results)
    table = np.array([[astuple(epoch) for epoch in result.epochs[:length]] for result in results])
    names = [field.name for field in fields(Epoch)]
    return tuple(Epoch(**dict(zip(names, map(float, point), strict=True))) for point in table.mean(axis=0))


def mean_curves(trials: Sequence[FinetuneTrial]) -> dict[tuple[str, float], tuple[Epoch, ...]]:
    """Return (encoder, label fraction) -> the mean curve over its trials, in the order in which they first occur."""
    groups = _grouped(trials)
    return {key: mean_epochs([trial.result for trial in group]) for key, group in groups.items()}


def summarize(trials: Sequence[FinetuneTrial]) -> tuple[FinetuneRow, ...]:
    """Return a row for every encoder and share, in the order in which they first occur."""
    return tuple(_row(group) for group in _grouped(trials).values())


def comparisons(
    trials: Sequence[FinetuneTrial], candidates: Sequence[Candidate], overlaps: Mapping[float, float] | None = None
) -> tuple[FinetuneComparison, ...]:
    """Compare every run with its baselines, on every share.

    Args:
        trials: of all candidates, with the same seeds.
        candidates: of the comparison.
        overlaps: label fraction -> share of images that the draws of two seeds have in common, where trials differ by
            the images drawn alone (`TrialGrid.overlaps`). Against random encoders it counts half: they differ by seed.

    Returns:
        Share by share, run by run; p-values are adjusted over all of them.
    """
    auc: dict[tuple[str, float], dict[int, float]] = {}
    for trial in trials:
        auc.setdefault((trial.encoder, trial.label_fraction), {})[trial.seed] = trial.result.auc
    fractions = list(dict.fromkeys(trial.label_fraction for trial in trials))
    found = [
        _compared(run, baseline, fraction, auc, (overlaps or {}).get(fraction, 0.0))
        for fraction in fractions
        for run in candidates
        if run.kind == "run"
        for baseline in baselines_of(run, candidates)
    ]
    tests = holm_adjusted([one.test for one in found])
    return tuple(replace(one, test=test) for one, test in zip(found, tests, strict=True))


def _grouped(trials: Sequence[FinetuneTrial]) -> dict[tuple[str, float], list[FinetuneTrial]]:
    groups: dict[tuple[str, float], list[FinetuneTrial]] = {}
    for trial in trials:
        groups.setdefault((trial.encoder, trial.label_fraction), []).append(trial)
    return groups


def _row(trials: Sequence[FinetuneTrial]) -> FinetuneRow:
    results = [trial.result for trial in trials]
    last = [result.epochs[-1] for result in results]
    details = [result.detail for result in results if result.detail is not None]
    auc, acc = (mean_interval([getattr(result, name) for result in results]) for name in ("auc", "acc"))
    return FinetuneRow(
        encoder=trials[0].encoder,
        label_fraction=trials[0].label_fraction,
        n_train=trials[0].n_train,
        trials=len(trials),
        auc=auc.mean,
        auc_std=auc.std,
        acc=acc.mean,
        acc_std=acc.std,
        best_epoch=float(np.mean([result.best_epoch for result in results])),
        train_acc=float(np.mean([epoch.train_acc for epoch in last])),
        val_acc=float(np.mean([epoch.val_acc for epoch in last])),
        overfitting_gap=float(np.mean([epoch.val_loss - epoch.train_loss for epoch in last])),
        accuracy_gap=float(np.mean([epoch.train_acc - epoch.val_acc for epoch in last])),
        detail=mean_detail(details) if len(details) == len(results) else None,
    )


def _compared(
    run: Candidate,
    baseline: Candidate,
    fraction: float,
    auc: Mapping[tuple[str, float], dict[int, float]],
    overlap: float,
) -> FinetuneComparison:
    own, theirs = auc[run.label, fraction], auc[baseline.label, fraction]
    seeds = sorted(own.keys() & theirs.keys())
    correlation = overlap / 2 if baseline.kind == "random" else overlap
    test = paired_t_test([own[seed] for seed in seeds], [theirs[seed] for seed in seeds], correlation)
    return FinetuneComparison(
        encoder=run.label, against=baseline.label, label_fraction=fraction, pairs=len(seeds), test=test
    )
