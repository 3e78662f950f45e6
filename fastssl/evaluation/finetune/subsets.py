"""A share of the labels: class-balanced, seeded, and nested in every larger share; exact, or of whole patients.

Covers: choosing training images for a label fraction. Does not cover: few-shot support sets (k images per class).
"""

from __future__ import annotations

import numpy as np

from fastssl.data.patients.strata import Strata, stratify

FEWEST = 2
"""Images that batch norm needs."""


def label_subset(labels: np.ndarray, fraction: float, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Choose the rows to train on.

    Every class keeps its share of the images to within one of them. The images are put in one order, of which a
    fraction takes the beginning: so smaller fractions lie within larger ones of the same seed. The j-th image of a
    class of n stands at (j + 1/2) / n, after the first image of every class (Webster's method of apportionment, which
    is what makes shares grow with the total). Images with several labels are drawn at random.

    Where it is known whose the images are, patients are put in order instead, each under its rarest class and with the
    length of its images, and a fraction takes as many whole patients as come nearest to it. Patients of images with
    several labels are drawn at random.

    Args:
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones.
        fraction: above 0, at most 1.
        seed: of the draw.
        groups: int64 `[N]`, the number of each image's patient; None where it is not known.

    Returns:
        Rows in rising order, int64 `[n]`: n = round(fraction N), or near that by whole patients, but at least one of
        each class, and two in all.

    Raises:
        ValueError: a fraction out of range.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction}")
    if groups is not None and len(np.unique(groups)) < len(groups):
        return _whole_patients(labels, groups, fraction, seed)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    if labels.ndim == 2:
        return np.sort(shuffled[: max(FEWEST, round(fraction * len(labels)))])
    place = np.empty(len(labels))
    classes = np.unique(labels)
    for index in classes:
        members = shuffled[labels[shuffled] == index]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
        place[members[0]] = 0
    order = shuffled[np.argsort(place[shuffled], kind="stable")]
    return np.sort(order[: max(FEWEST, len(classes), round(fraction * len(labels)))])


def _whole_patients(labels: np.ndarray, groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The rows of the first patients of their order."""
    strata = stratify(labels, groups)
    shuffled = np.random.default_rng(seed).permutation(len(strata.images))
    first = [] if labels.ndim == 2 else _one_of_each_class(strata, shuffled)
    order = shuffled if labels.ndim == 2 else _balanced(strata, shuffled, first)
    until = np.cumsum(strata.images[order])
    wanted = max(FEWEST, fraction * len(labels))
    enough = int(np.argmin(np.abs(until - wanted))) + 1
    enough = max(enough, len(first), int(np.searchsorted(until, FEWEST)) + 1)
    return np.flatnonzero(np.isin(strata.patient, order[:enough]))


def _one_of_each_class(strata: Strata, shuffled: np.ndarray) -> list[int]:
    """Patients that have all classes together: of each class that is still lacking, rarest first, the first one."""
    chosen: list[int] = []
    for index in strata.rarity:
        if strata.counts[:, index].any() and not strata.counts[chosen, index].any():
            chosen.append(int(shuffled[strata.counts[shuffled, index] > 0][0]))
    return chosen


def _balanced(strata: Strata, shuffled: np.ndarray, first: list[int]) -> np.ndarray:
    """Patients in an order in which each class comes at an even rate, after the first ones."""
    place = np.empty(len(shuffled))
    for index in np.unique(strata.of):
        members = shuffled[strata.of[shuffled] == index]
        images = strata.images[members]
        place[members] = (np.cumsum(images) - images / 2) / images.sum()
    place[first] = 0
    return shuffled[np.argsort(place[shuffled], kind="stable")]
