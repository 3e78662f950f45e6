"""Support sets: the few labelled images a class that a few-shot classifier is solved on.

Covers: drawing them, balanced and seeded, and saying where a class has too few images. Does not cover: solving.

They depend on labels, shots and seed alone, so that every encoder sees the same images. Within a seed they are nested:
the 5-shot set is part of the 10-shot set, so that a seed's curve over the shots rises by images added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SupportSets:
    """The sets of one number of shots, one a seed.

    rows: int64 `[seeds, N]` of the pool, `shots` of every class (all of a class that has fewer), class by class.
    labels: int64 `[N]`, the same for every seed.
    """

    shots: int
    rows: np.ndarray
    labels: np.ndarray


def draw_supports(labels: np.ndarray, shots: Sequence[int], seeds: Sequence[int]) -> tuple[SupportSets, ...]:
    """The sets of every number of shots.

    Args:
        labels: int64 `[M]` class indices of the pool.
    """
    orders = [
        [np.random.default_rng((seed, index)).permutation(np.flatnonzero(labels == index)) for seed in seeds]
        for index in np.unique(labels)
    ]
    found = []
    for count in shots:
        rows = np.concatenate([np.stack(order)[:, :count] for order in orders], axis=1)
        found.append(SupportSets(count, rows, labels[rows[0]]))
    return tuple(found)


def scarcity(labels: np.ndarray, shots: Sequence[int]) -> list[str]:
    """A line for every class of which the pool has fewer images than the most shots."""
    numbers, counts = np.unique(labels, return_counts=True)
    return [
        f"class {number} has {count} images to draw from: all of them are taken at "
        f"{', '.join(str(shot) for shot in shots if shot > count)} shots"
        for number, count in zip(numbers, counts, strict=True)
        if count < max(shots)
    ]
