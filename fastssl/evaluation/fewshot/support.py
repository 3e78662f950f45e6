"""Support sets: the few labelled images per class that a few-shot classifier is solved on.

Covers: drawing them, balanced and seeded; saying where a class has too few images and where draws share many of them.
Does not cover: solving.

They depend on labels, patients, shots and seed alone, so that every encoder sees the same images. Within a seed they
are nested: the 5-shot set is part of the 10-shot set, so that a seed's curve over the shots rises by images added.
Where it is known whose images are, K images of a class are those of K patients, as far as there are as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from fastssl.evaluation.shared.patients import taking_turns
from fastssl.evaluation.shared.statistics import NEARLY_SAME, mean_overlap, overlap_decides


@dataclass(frozen=True, kw_only=True)
class SupportSets:
    """The sets of one number of shots, one per seed.

    Attributes:
        shots: labelled images per class.
        rows: int64 `[seeds, N]` of the pool, `shots` of every class (all of a class that has fewer), class by class.
        labels: int64 `[N]`, the same for every seed.
        overlap: share of images that the draws of two seeds have in common (`mean_overlap`); nan for a single seed.
    """

    shots: int
    rows: np.ndarray
    labels: np.ndarray
    overlap: float = nan


def draw_supports(
    labels: np.ndarray, shots: Sequence[int], seeds: Sequence[int], groups: np.ndarray | None = None
) -> tuple[SupportSets, ...]:
    """Draw the sets of every number of shots.

    Args:
        labels: int64 `[M]` class indices of the pool.
        shots: numbers of labelled images per class.
        seeds: of the draws.
        groups: int64 `[M]`, the number of each image's patient; None where it is not known.

    Returns:
        In the order of `shots`.
    """
    orders = [
        [
            taking_turns(np.random.default_rng((seed, index)).permutation(np.flatnonzero(labels == index)), groups)
            for seed in seeds
        ]
        for index in np.unique(labels)
    ]
    found = []
    for count in shots:
        rows = np.concatenate([np.stack(order)[:, :count] for order in orders], axis=1)
        overlap = mean_overlap(list(rows), labels)
        found.append(SupportSets(shots=count, rows=rows, labels=labels[rows[0]], overlap=overlap))
    return tuple(found)


def scarcity(labels: np.ndarray, shots: Sequence[int], groups: np.ndarray | None = None) -> list[str]:
    """Return a line for every class of which the pool has fewer images, or patients, than the most shots.

    Args:
        labels: int64 `[M]` class indices of the pool.
        shots: numbers of labelled images per class.
        groups: int64 `[M]`, the number of each image's patient; None where it is not known.
    """
    numbers, counts = np.unique(labels, return_counts=True)
    few = [
        f"class {number} has {count} images to draw from: all of them are taken at "
        f"{', '.join(str(shot) for shot in shots if shot > count)} shots"
        for number, count in zip(numbers, counts, strict=True)
        if count < max(shots)
    ]
    patients = {} if groups is None else {number: len(np.unique(groups[labels == number])) for number in numbers}
    return few + [
        f"class {number} has images of {patients[number]} patient{'s' * (patients[number] != 1)} to draw from: some "
        f"give several at {', '.join(str(shot) for shot in shots if shot > patients[number])} shots"
        for number, count in zip(numbers, counts, strict=True)
        if patients and patients[number] < min(count, max(shots))
    ]


def overlap_notes(supports: Sequence[SupportSets]) -> list[str]:
    """Return what a reader should know of draws that share images.

    That is where they count as one, and where more seeds would not help.

    Args:
        supports: the sets of every number of shots.
    """
    same = [one for one in supports if one.overlap > NEARLY_SAME]
    many = [one for one in supports if one.overlap <= NEARLY_SAME and overlap_decides(one.overlap, len(one.rows))]
    notes = []
    if same:
        notes.append(
            f"no intervals or p-values at {_listed(same)}: all seeds draw nearly the same images, so that they tell "
            "nothing of other draws"
        )
    if many:
        notes.append(
            f"the draws of two seeds share many images at {_listed(many)}: intervals and p-values allow for it, and "
            "more seeds would narrow them little"
        )
    return notes


def _listed(supports: Sequence[SupportSets]) -> str:
    return ", ".join(f"{one.shots} shots ({100 * one.overlap:.0f} % in common on average)" for one in supports)
