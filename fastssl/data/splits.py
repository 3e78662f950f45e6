"""Dividing a folder's images into train, val and test.

Covers: a split that depends on nothing but each file's relative path, so that adding files does not move the others.
Does not cover: keeping one patient's images together, since file names do not tell whose they are. Where a patient has
several images, make folders train, val and test.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

TRAIN_BELOW, VAL_BELOW = 0.7, 0.8


def assign_splits(paths: Sequence[str], labels: np.ndarray) -> list[str]:
    """Assign each image of a folder to a split, every class by itself: 70 % train, 10 % val, 20 % test.

    A path's place is its BLAKE2b hash read as a fraction of 1. The path is in Unicode's composed form (NFC), so that a
    set is split alike where it was copied by a system that stores names in another form. So that small classes are in
    every split, the lowest place of a class is always in train, the highest in test (from 2 images), and the one
    nearest the middle of val in val (from 3) if no other is; a file that is added later moves at most these.

    Args:
        paths: relative to the folder.
        labels: `[N]`, the class index of each.

    Returns:
        "train", "val" or "test" for each path.
    """
    place = np.array([_place(path) for path in paths])
    bands = (TRAIN_BELOW, VAL_BELOW)
    split = np.array(["train", "val", "test"], dtype=object)[np.searchsorted(bands, place, side="right")]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(place[rows])]
        split[rows[0]] = "train"
        if len(rows) >= 2:
            split[rows[-1]] = "test"
        if len(rows) >= 3 and "val" not in split[rows]:
            middle = rows[1:-1]
            split[middle[np.argmin(np.abs(place[middle] - np.mean(bands)))]] = "val"
    return split.tolist()


def _place(path: str) -> float:
    name = unicodedata.normalize("NFC", path).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") / 2**64
