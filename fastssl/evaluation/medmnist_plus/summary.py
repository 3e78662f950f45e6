"""What a benchmark's trials add up to: rows of encoders and published rows, and means over the sets.

Covers: means and deviations over the seeds, which published rows stand beside a set, means over sets for each size.
Does not cover: the trials (`trial_grid.py`), how rows are shown (`report.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

from fastssl.evaluation.shared.statistics import mean_interval

from .encoders import describe_fit
from .published import ALL, CLASSIFIERS, SETS, PublishedScore, scores_beside
from .trial import BenchmarkTrial
from .trial_grid import BenchmarkSpec, SetGrid


@dataclass(frozen=True, kw_only=True)
class BenchmarkRow:
    """An encoder and a classifier on one set at one size, or the mean over sets at one size.

    Attributes:
        data: MedMNIST's flag, or "mean".
        size: side of the set's images, in pixels.
        encoder: its label.
        classifier: "kNN", "linear" or "end to end".
        input: how the encoder saw the images, such as "padded to 224".
        auc: on the test split, 0 to 1: the mean over the seeds; nan where it is undefined or not published.
        auc_std: over the seeds, n - 1; nan for a single number. Of means over sets: nan.
        acc: accuracy on the test split, likewise.
        acc_std: likewise.
        auc_by_seed: what each seed gave; a single number for kNN.
        acc_by_seed: likewise.
        sets: how many it is the mean of; 1 for a set.
        origin: "measured" here, or "published".
        source: of published numbers, where they were read.
    """

    data: str
    size: int
    encoder: str
    classifier: str
    input: str
    auc: float
    auc_std: float
    acc: float
    acc_std: float
    auc_by_seed: tuple[float, ...] = ()
    acc_by_seed: tuple[float, ...] = ()
    sets: int = 1
    origin: Literal["measured", "published"] = "measured"
    source: str = ""


def set_rows(
    grid: SetGrid, trials: Sequence[tuple[BenchmarkSpec, BenchmarkTrial]], *, official: bool
) -> list[BenchmarkRow]:
    """Return the rows of one set: each encoder's, then what is published.

    Args:
        grid: of the set.
        trials: what was found.
        official: whether its splits are MedMNIST's; published results stand beside those alone.
    """
    flag, size = grid.data.flag, grid.data.size
    rows = []
    for spec, trial in trials:
        auc, acc = mean_interval(trial.auc), mean_interval(trial.acc)
        rows.append(
            BenchmarkRow(
                data=flag,
                size=size,
                encoder=spec.label,
                classifier=CLASSIFIERS[spec.classifier],
                input=describe_fit(spec.candidate, size),
                auc=auc.mean,
                auc_std=auc.std,
                acc=acc.mean,
                acc_std=acc.std,
                auc_by_seed=trial.auc,
                acc_by_seed=trial.acc,
            )
        )
    beside = scores_beside(flag, size, grid.config.classifiers) if official else []
    return rows + [_published_row(score, flag, 1) for score in beside]


def mean_rows(rows: Sequence[BenchmarkRow], classifiers: Iterable[str], *, official: bool) -> list[BenchmarkRow]:
    """Return the means over sets, for every size, encoder and classifier, and the published ones.

    An encoder that cannot take the images of some sets has a mean over the others.

    Args:
        rows: of all sets.
        classifiers: those that were asked for.
        official: whether all splits are MedMNIST's; published means stand beside those alone.
    """
    measured = [row for row in rows if row.origin == "measured"]
    found, wanted = [], tuple(classifiers)
    for size in sorted({row.size for row in measured}):
        groups: dict[tuple[str, str], list[BenchmarkRow]] = {}
        for row in measured:
            if row.size == size:
                groups.setdefault((row.encoder, row.classifier), []).append(row)
        found += [_mean_row(own) for own in groups.values()]
        beside = scores_beside(ALL, size, wanted) if official else []
        found += [_published_row(score, "mean", SETS) for score in beside]
    return found


def _mean_row(rows: Sequence[BenchmarkRow]) -> BenchmarkRow:
    first = rows[0]
    return BenchmarkRow(
        data="mean",
        size=first.size,
        encoder=first.encoder,
        classifier=first.classifier,
        input=first.input,
        auc=sum(row.auc for row in rows) / len(rows),
        auc_std=nan,
        acc=sum(row.acc for row in rows) / len(rows),
        acc_std=nan,
        sets=len(rows),
    )


def _published_row(score: PublishedScore, data: str, sets: int) -> BenchmarkRow:
    return BenchmarkRow(
        data=data,
        size=score.size,
        encoder=score.label,
        classifier=CLASSIFIERS[score.classifier],
        input="as they are" if score.size == 224 else "padded to 224",
        auc=score.auc,
        auc_std=nan,
        acc=score.acc,
        acc_std=nan,
        sets=sets,
        origin="published",
        source=score.source,
    )
