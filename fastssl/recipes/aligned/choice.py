"""Who is worth fine-tuning: the best method, where it leads the better baseline by the margin.

Covers: ranks by the proxy, the margin, the decision in words. Does not cover: the scores (`proxy.py`).

The automatic margin is one standard error of the lead, paired by draw, and at least 0.01. A baseline costs no
pre-training, so it is the simpler choice, and the simpler choice stands unless it is worse by more than one standard
error: the rule by which trees are pruned (Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees",
1984, section 3.4.3). Leads below a hundredth are not worth a training, however sure they are. Draws that share labelled
images are allowed for as in the corrected resampled t-test (`evaluation/shared/statistics.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from fastssl.config.aligned import BASELINES, IMAGENET, RANDOM
from fastssl.evaluation.shared.statistics import PairedTest, holm_adjusted, mean_interval, paired_t_test, standard_error

from .proxy import ProxyScores

LEAST_MARGIN = 0.01


@dataclass(frozen=True, kw_only=True)
class MethodChoice:
    """The decision.

    Attributes:
        best: the method with the highest mean score.
        baseline: random or imagenet, whichever scores higher; "" where neither was scored.
        lead: of the best method over the baseline, the mean over draws; nan without a baseline.
        needed: the margin.
        margin: where it comes from, in words.
        pays: whether the lead is at least the margin; so it is where there is no baseline.
    """

    best: str
    baseline: str
    lead: float
    needed: float
    margin: str
    pays: bool

    @property
    def winner(self) -> str | None:
        """The method to fine-tune; None where no pre-training pays."""
        return self.best if self.pays else None


@dataclass(frozen=True, kw_only=True)
class Lead:
    """A method's score less the better baseline's, with its test over the draws.

    Attributes:
        method: its name.
        against: the baseline's name.
        test: p_holm is adjusted over all methods.
    """

    method: str
    against: str
    test: PairedTest


def choose(scores: ProxyScores, margin: float | None) -> MethodChoice:
    """Decide who is worth fine-tuning.

    Args:
        scores: of all candidates; at least one is a method.
        margin: the lead that pays; None for the automatic one.

    Returns:
        The decision.
    """
    means = means_of(scores)
    best = _highest([name for name in means if name not in BASELINES], means)
    baseline = _better_baseline(means)
    if not baseline:
        return MethodChoice(best=best, baseline="", lead=nan, needed=0.0, margin="no baseline to beat", pays=True)
    needed, words = (margin, "as asked") if margin is not None else _auto_margin(scores, best, baseline)
    lead = means[best] - means[baseline]
    return MethodChoice(best=best, baseline=baseline, lead=lead, needed=needed, margin=words, pays=lead >= needed)


def leads_of(scores: ProxyScores) -> tuple[Lead, ...]:
    """Compare every method with the better baseline, paired by draw; none where there is no baseline.

    Args:
        scores: of all candidates.
    """
    baseline = _better_baseline(means_of(scores))
    methods = [name for name in scores.by_draw if name not in BASELINES] if baseline else []
    tests = holm_adjusted(
        [paired_t_test(scores.by_draw[name], scores.by_draw[baseline], scores.overlap) for name in methods]
    )
    return tuple(Lead(method=name, against=baseline, test=test) for name, test in zip(methods, tests, strict=True))


def means_of(scores: ProxyScores) -> dict[str, float]:
    """Return candidate -> the mean over its draws."""
    return {name: mean_interval(values).mean for name, values in scores.by_draw.items()}


def ranks_of(values: Mapping[str, float]) -> dict[str, int]:
    """Return name -> place by value, the highest first, counted from 1; equal values share the better place.

    Args:
        values: by name.
    """
    return {name: 1 + sum(other > value for other in values.values()) for name, value in values.items()}


def _highest(names: Sequence[str], means: Mapping[str, float]) -> str:
    return max(names, key=lambda name: -1.0 if isnan(means[name]) else means[name])


def _better_baseline(means: Mapping[str, float]) -> str:
    found = [name for name in (RANDOM, IMAGENET) if name in means]
    return _highest(found, means) if found else ""


def _auto_margin(scores: ProxyScores, best: str, baseline: str) -> tuple[float, str]:
    """One standard error of the lead, at least `LEAST_MARGIN`, and where it comes from."""
    error = standard_error(np.subtract(scores.by_draw[best], scores.by_draw[baseline]), scores.overlap)
    if isnan(error):
        return LEAST_MARGIN, "the least that counts; these draws have no standard error"
    if error > LEAST_MARGIN:
        return error, "one standard error of the lead"
    return LEAST_MARGIN, f"the least that counts; one standard error is {error:.4f}"
