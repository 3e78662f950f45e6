"""How many labels pre-training saves: the share at which a curve of AUC over label fraction reaches a given AUC.

Covers: TOWER's figure, "x % fewer labels for the same AUC", the AUC being that of random initialisation on all labels.
Does not cover: the curves' trials, the plot.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isnan, log, nan


@dataclass(frozen=True)
class Saving:
    """How much of the labels `contender` can do without.

    target: random initialisation's mean AUC on all labels, nan where it was not measured. fraction: of the labels at
    which `contender` reaches it, or None. at_least: the smallest fraction tried sufficed, so that the saving may be
    larger. text: all this for a person.
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


def saving(contender: str, curve: Mapping[float, float], random_curve: Mapping[float, float]) -> Saving:
    """What `contender` saves against random initialisation.

    curves: label fraction -> AUC, nan if undefined; random_curve has one for all labels.
    """
    target = random_curve[1.0]
    known = {fraction: auc for fraction, auc in curve.items() if not isnan(auc)}
    if isnan(target) or not known:
        text = f"{contender}: how many labels it saves is not known: AUC is undefined"
        return Saving(contender, nan, None, False, text)
    fraction = fraction_reaching(known, target)
    at_least = fraction == min(known)
    reaches = f"random init's AUC on all labels ({target:.3f})"
    if fraction is None:
        text = f"{contender} does not reach {reaches} with any share tried: it saves no labels"
    elif at_least:
        text = f"{contender} reaches {reaches} with {percent(fraction)}, the least tried: at least "
        text += f"{percent(1 - fraction)} fewer labels"
    else:
        text = f"{contender} reaches {reaches} with {percent(fraction)} of them: {percent(1 - fraction)} fewer labels"
    return Saving(contender, target, fraction, at_least, text)


def percent(fraction: float) -> str:
    """A label fraction as people write it."""
    return f"{100 * fraction:.3g} %"
