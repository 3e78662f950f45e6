"""Dividing whole patients into train, val and test, so that images and classes keep their shares.

Covers: cutting each class's patients where all shares come out best. Does not cover: where a patient stands in the
order (`fastssl.data.splits`), evening out what the cuts leave (`exchange.py`), images without groups.

Patients that count under one class (`strata.py`) are put in an order that depends on nothing but their own first path,
and cut twice: the first are for training, the last for testing. Those next to a cut may then move or change places. So
a set that grows moves patients near the cuts alone, where a greedy dealer such as scikit-learn's `StratifiedGroupKFold`
deals nearly all of them anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .exchange import exchange
from .strata import NO_CLASS, Strata

TRAIN, VAL, TEST = 0, 1, 2
_WANTED_FIRST = (TRAIN, TEST, VAL)
"""Which split a class with too few patients for all of them is in first."""
_NEAR = 4
"""Patients of a class on each side of a cut that may move to even out the shares."""


def divide_patients(strata: Strata, bands: Sequence[float]) -> np.ndarray:
    """Divide patients, class by class from the rarest on, each stratum making good what those before it left uneven.

    Args:
        strata: the patients, in the order in which they are cut, and their classes.
        bands: cumulative shares of the images: those for training, those for training or validation.

    Returns:
        int64 `[P]`: 0 for train, 1 for val, 2 for test. A class with three patients or more is in all of them, one with
        two in train and test, one with a single patient in train, as far as its patients are not needed for a rarer
        class. Patients without any label are in train.
    """
    split = np.full(len(strata.images), TRAIN, dtype=np.int64)
    amounts = np.column_stack([strata.counts, np.where(strata.labelled, strata.images, 0)])
    total = np.maximum(amounts.sum(axis=0), 1)
    done = np.zeros((2, amounts.shape[1]))  # in train; in train or val
    seen = np.zeros(amounts.shape[1])
    present = np.zeros((3, strata.counts.shape[1]), dtype=bool)
    near: list[np.ndarray] = []
    for index in (*strata.rarity, NO_CLASS):
        own = np.flatnonzero((strata.of == index) & strata.labelled)
        if not len(own):
            continue
        below = np.cumsum(np.vstack([np.zeros_like(total), amounts[own]]), axis=0)
        seen += below[-1]
        least = _least(len(own), [index != NO_CLASS and not present[part, index] for part in (TRAIN, VAL, TEST)])
        cuts = _cuts(below, done, seen, total, bands, least)
        done += below[list(cuts)]
        split[own] = np.searchsorted(cuts, np.arange(len(own)), side="right")
        for part in (TRAIN, VAL, TEST):
            present[part] |= (strata.counts[own[split[own] == part]] > 0).any(axis=0)
        near += [own[max(0, cut - _NEAR) : cut + _NEAR] for cut in cuts]
    if not near:
        return split
    shares = np.diff((0, *bands, 1))
    return exchange(split, np.unique(np.concatenate(near)), amounts, shares.tolist())


def _least(patients: int, lacks: Sequence[bool]) -> list[int]:
    """How many patients of a stratum each split gets at least: one where the class is lacking, as far as they go."""
    least = [0, 0, 0]
    for part in _WANTED_FIRST:
        if lacks[part] and sum(least) < patients:
            least[part] = 1
    return least


def _cuts(
    below: np.ndarray,
    done: np.ndarray,
    seen: np.ndarray,
    total: np.ndarray,
    bands: Sequence[float],
    least: Sequence[int],
) -> tuple[int, int]:
    """How many of a stratum's patients are in train, and in train or val.

    Args:
        below: `[n + 1, A]`, amounts of the first 0, 1, ..., n patients: images of each class, and all images.
        done: `[2, A]`, amounts that strata before have in train, and in train or val.
        seen: `[A]`, amounts of the strata until now, this one included.
        total: `[A]`, amounts of all patients, at least 1.
        bands: cumulative shares.
        least: patients of each split, at least.
    """
    error = [(((done[band] + below - share * seen) / total) ** 2).sum(axis=1) for band, share in enumerate(bands)]
    patients = len(below) - 1
    first = _lowest(error[0], least[TRAIN], patients - least[VAL] - least[TEST])
    return first, _lowest(error[1], first + least[VAL], patients - least[TEST])


def _lowest(error: np.ndarray, start: int, stop: int) -> int:
    """The place of the smallest error from `start` to `stop`, both included."""
    return start + int(np.argmin(error[start : stop + 1]))
