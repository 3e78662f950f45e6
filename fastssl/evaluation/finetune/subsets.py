"""A share of the labels: exact, class-balanced, seeded, and nested in every larger share.

Covers: choosing training images for a label fraction. Does not cover: few-shot support sets (k images per class).
"""

from __future__ import annotations

import numpy as np

FEWEST = 2
"""Images that batch norm needs."""


def label_subset(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose the rows to train on.

    Every class keeps its share of the images to within one of them. The images are put in one order, of which a
    fraction takes the beginning: so smaller fractions lie within larger ones of the same seed. The j-th image of a
    class of n stands at (j + 1/2) / n, after the first image of every class (Webster's method of apportionment, which
    is what makes shares grow with the total). Images with several labels are drawn at random.

    Args:
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones.
        fraction: above 0, at most 1.
        seed: of the draw.

    Returns:
        Rows in rising order, int64 `[n]`: n = round(fraction N), but at least one of each class, and two in all.

    Raises:
        ValueError: a fraction out of range.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction}")
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
