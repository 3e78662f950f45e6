"""A few-shot comparison summed up: what each encoder reaches at each number of shots, and which two differ.

Covers: from the metrics of every seed to rows and pairs. Does not cover: statistics (`statistics.py`), showing them
(`fewshot_report.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from fastssl.evaluation.shared.metrics import Metrics
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test

from .report import METRICS, FewshotPair, FewshotRow
from .support import SupportSets


def row_of(label: str, support: SupportSets, dim: int, found: Sequence[Metrics]) -> FewshotRow:
    """One encoder at one number of shots. found: its metrics on the test images, one a draw of `support`."""
    acc, auc = (tuple(getattr(one, name) for one in found) for name in ("acc", "auc"))
    overlap = support.overlap
    return FewshotRow(
        label, support.shots, dim, overlap, mean_interval(acc, overlap), mean_interval(auc, overlap), acc, auc
    )


def pairs_of(rows: Sequence[FewshotRow]) -> tuple[FewshotPair, ...]:
    """Every two encoders at every number of shots, the one that comes first in the table less the other.

    All comparisons in one metric are one family.
    """
    found: list[FewshotPair] = []
    for metric in METRICS:
        compared = [(first, second) for first, second in combinations(rows, 2) if first.shots == second.shots]
        tests = holm_adjusted([_test(first, second, metric) for first, second in compared])
        found += [
            FewshotPair(first.encoder, second.encoder, first.shots, metric, test)
            for (first, second), test in zip(compared, tests, strict=True)
        ]
    return tuple(found)


def _test(first: FewshotRow, second: FewshotRow, metric: str) -> PairedTest:
    one, other = (getattr(row, f"{metric}_by_seed") for row in (first, second))
    return paired_t_test(one, other, first.overlap)
