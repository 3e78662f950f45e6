"""A few-shot comparison summed up: what each encoder reaches at each number of shots, and which two differ.

Covers: from the metrics of every seed to rows and pairs. Does not cover: statistics
(`fastssl.evaluation.shared.statistics`), showing them (`report.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from fastssl.evaluation.shared.detail import MetricDetail
from fastssl.evaluation.shared.metrics import Metrics
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test

from .report import METRICS, FewshotPair, FewshotRow
from .support import SupportSets


def fewshot_row(
    label: str, support: SupportSets, dim: int, found: Sequence[Metrics], details: Sequence[MetricDetail]
) -> FewshotRow:
    """Sum up one encoder at one number of shots.

    Args:
        label: the encoder's.
        support: what its classifiers were solved on.
        dim: features per image.
        found: its metrics on the test images, one per draw of `support`.
        details: more of them, likewise.
    """
    acc, auc = (tuple(getattr(one, name) for one in found) for name in ("acc", "auc"))
    overlap = support.overlap
    return FewshotRow(
        encoder=label,
        shots=support.shots,
        dim=dim,
        overlap=overlap,
        acc=mean_interval(acc, overlap),
        auc=mean_interval(auc, overlap),
        acc_by_seed=acc,
        auc_by_seed=auc,
        detail_by_seed=tuple(details),
    )


def fewshot_pairs(rows: Sequence[FewshotRow]) -> tuple[FewshotPair, ...]:
    """Compare every two encoders at every number of shots, the one that comes first in the table less the other.

    All comparisons in one metric are one family.

    Args:
        rows: of all encoders and numbers of shots.

    Returns:
        Metric by metric.
    """
    found: list[FewshotPair] = []
    for metric in METRICS:
        compared = [(first, second) for first, second in combinations(rows, 2) if first.shots == second.shots]
        tests = holm_adjusted([_test(first, second, metric) for first, second in compared])
        found += [
            FewshotPair(encoder=first.encoder, against=second.encoder, shots=first.shots, metric=metric, test=test)
            for (first, second), test in zip(compared, tests, strict=True)
        ]
    return tuple(found)


def _test(first: FewshotRow, second: FewshotRow, metric: str) -> PairedTest:
    one, other = (getattr(row, f"{metric}_by_seed") for row in (first, second))
    return paired_t_test(one, other, first.overlap)
