"""Do proxy and fine-tuning agree on the order of candidates?

Covers: rank correlations of the two, and the pairs in the same order. Does not cover: either score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan

LEAST = 4
"""Candidates below which an order says nothing."""


@dataclass(frozen=True, kw_only=True)
class RankAgreement:
    """How far two orders of the same candidates agree.

    Attributes:
        candidates: how many were ordered.
        spearman: Spearman's rank correlation, -1 to 1.
        kendall: Kendall's tau-b, likewise.
        p: of tau, two-sided; exact where there are no ties.
        pairs: of candidates.
        agreeing: pairs that both orders have the same way round.
    """

    candidates: int
    spearman: float
    kendall: float
    p: float
    pairs: int
    agreeing: int

    def __str__(self) -> str:
        """Return one line for a person."""
        return (
            f"Spearman {self.spearman:+.2f}, Kendall {self.kendall:+.2f} (p {self.p:.2f}), {self.agreeing} of "
            f"{self.pairs} pairs in the same order, {self.candidates} candidates"
        )


def rank_agreement(proxy: Mapping[str, float], finetuned: Mapping[str, float]) -> RankAgreement | None:
    """Compare the order by the proxy with the order by fine-tuning.

    Args:
        proxy: candidate -> mean score.
        finetuned: candidate -> mean score on the test part.

    Returns:
        The agreement over the candidates that have both; None for fewer than `LEAST`, or where all of them are equal
        in one of the two.
    """
    names = [name for name in proxy if not isnan(proxy[name]) and not isnan(finetuned.get(name, nan))]
    one, other = ([values[name] for name in names] for values in (proxy, finetuned))
    if len(names) < LEAST or min(len(set(one)), len(set(other))) == 1:
        return None
    from scipy.stats import kendalltau, spearmanr

    spearman, tau = spearmanr(one, other), kendalltau(one, other)
    pairs = list(combinations(range(len(names)), 2))
    agreeing = sum((one[a] - one[b]) * (other[a] - other[b]) > 0 for a, b in pairs)
    return RankAgreement(
        candidates=len(names),
        spearman=float(spearman.statistic),
        kendall=float(tau.statistic),
        p=float(tau.pvalue),
        pairs=len(pairs),
        agreeing=agreeing,
    )
