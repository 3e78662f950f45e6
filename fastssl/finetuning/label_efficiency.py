"""How many labels pre-training saves: the share at which a curve of AUC over label fraction reaches a given AUC.

Covers: TOWER's figure, "x % fewer labels for the same AUC", the AUC being that of random initialisation on all labels.
Does not cover: the curves' trials, the plot.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isnan, log

MORE_SHARES = "give --label-fraction 1.0 and smaller ones for the share of labels that pre-training saves"


@dataclass(frozen=True)
class Saving:
    """How much of the labels `contender` can do without.

    target: random initialisation's mean AUC on all labels. fraction: of the labels at which `contender` reaches it, or
    None. at_least: the smallest fraction tried sufficed, so that the saving may be larger. text: all this for a person.
    """

    contender: str
    target: float
    fraction: float | None
    at_least: bool
    text: str


def fraction_reaching(curve: Mapping[float, float], target: float) -> float | None:
    """The smallest label fraction at which AUC reaches `target`: straight lines between the points, over log fraction.

    curve: label fraction -> AUC. None where it stays below.
    """
    points = sorted(curve.items())
    if points[0][1] >= target:
        return points[0][0]
    for (before, low), (after, high) in itertools.pairwise(points):
        if high >= target:
            share = (target - low) / (high - low)
            return exp(log(before) + share * (log(after) - log(before)))
    return None


def saving(contender: str, curve: Mapping[float, float], random_curve: Mapping[float, float]) -> Saving | None:
    """What `contender` saves against random initialisation; None without curves of two shares, all labels among them.

    Points whose AUC is undefined are left out.
    """
    target = random_curve.get(1.0, float("nan"))
    known = {fraction: auc for fraction, auc in curve.items() if not isnan(auc)}
    if isnan(target) or len(known) < 2:
        return None
    fraction = fraction_reaching(known, target)
    smallest = min(known)
    at_least = fraction == smallest
    same = f"random init's AUC on all labels ({target:.3f})"
    if fraction is None:
        text = f"{contender} does not reach {same} at any share tried: no labels saved"
    elif at_least:
        text = f"{contender} reaches {same} at the smallest share tried: at least {1 - smallest:.0%} fewer labels"
    else:
        text = f"{contender} reaches {same} with {fraction:.1%} of them: {1 - fraction:.0%} fewer labels"
    return Saving(contender, target, fraction, at_least, text)
