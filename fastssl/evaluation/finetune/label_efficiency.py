"""How many labels pre-training saves: the share at which a curve of AUC over label fraction reaches a given AUC.

Covers: TOWER's figure, "x % fewer labels for the same AUC", the AUC being that of random initialisation on all labels.
Does not cover: the curves' trials, the plot.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isnan, log, nan

from fastssl.evaluation.shared.baselines import baselines_of
from fastssl.evaluation.shared.candidates import Candidate

from .summary import FinetuneRow


@dataclass(frozen=True, kw_only=True)
class LabelSaving:
    """How much of the labels an encoder can do without.

    Attributes:
        encoder: its label.
        target: random initialisation's mean AUC on all labels; nan where it is undefined.
        fraction: of the labels at which the encoder reaches `target`; None where it does not.
        at_least: the smallest fraction tried was enough, so that the saving may be larger.
        text: all this for a person.
    """

    encoder: str
    target: float
    fraction: float | None
    at_least: bool
    text: str


def fraction_reaching(curve: Mapping[float, float], target: float) -> float | None:
    """Return the smallest label fraction at which AUC reaches `target`.

    Between the points of the curve AUC is taken as linear in the logarithm of the fraction.

    Args:
        curve: label fraction -> AUC; at least one.
        target: the AUC to reach.

    Returns:
        The fraction, or None where the curve stays below.
    """
    points = sorted(curve.items())
    if points[0][1] >= target:
        return points[0][0]
    for (before, low), (after, high) in itertools.pairwise(points):
        if high >= target:
            share = (target - low) / (high - low)
            return exp(log(before) + share * (log(after) - log(before)))
    return None


def label_saving(encoder: str, curve: Mapping[float, float], random_curve: Mapping[float, float]) -> LabelSaving:
    """Return how many labels `encoder` saves against random initialisation.

    Args:
        encoder: its label.
        curve: label fraction -> its AUC, nan where undefined.
        random_curve: random initialisation's; it has a point for all labels.
    """
    target = random_curve[1.0]
    known = {fraction: auc for fraction, auc in curve.items() if not isnan(auc)}
    if isnan(target) or not known:
        text = f"{encoder}: how many labels it saves is not known: AUC is undefined"
        return LabelSaving(encoder=encoder, target=nan, fraction=None, at_least=False, text=text)
    fraction = fraction_reaching(known, target)
    at_least = fraction == min(known)
    text = _text(encoder, target, fraction, at_least)
    return LabelSaving(encoder=encoder, target=target, fraction=fraction, at_least=at_least, text=text)


def savings(rows: Sequence[FinetuneRow], candidates: Sequence[Candidate]) -> tuple[LabelSaving, ...]:
    """Return what every run saves against the random initialisation of its kind.

    Args:
        rows: of all candidates.
        candidates: of the comparison.

    Returns:
        One entry for each run; none unless all labels and fewer were tried.
    """
    fractions = {row.label_fraction for row in rows}
    if 1.0 not in fractions or len(fractions) < 2:
        return ()
    found = []
    for run in (one for one in candidates if one.kind == "run"):
        random = next(one for one in baselines_of(run, candidates) if one.kind == "random")
        found.append(label_saving(run.label, _curve(rows, run.label), _curve(rows, random.label)))
    return tuple(found)


def percent(fraction: float) -> str:
    """Return a label fraction as people write it."""
    return f"{100 * fraction:.3g} %"


def _text(encoder: str, target: float, fraction: float | None, at_least: bool) -> str:
    reaches = f"random init's AUC on all labels ({target:.3f})"
    if fraction is None:
        return f"{encoder} does not reach {reaches} with any share tried: it saves no labels"
    saved = f"{percent(1 - fraction)} fewer labels"
    if at_least:
        return f"{encoder} reaches {reaches} with {percent(fraction)}, the least tried: at least {saved}"
    return f"{encoder} reaches {reaches} with {percent(fraction)} of them: {saved}"


def _curve(rows: Sequence[FinetuneRow], encoder: str) -> dict[float, float]:
    return {row.label_fraction: row.auc for row in rows if row.encoder == encoder}
