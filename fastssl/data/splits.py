"""Dividing a folder's images into train, val and test.

Covers: a split that depends on nothing but each file's relative path, so that adding files does not move the others;
whole patients where it is known whose the images are. Does not cover: finding patients and cutting their order
(`fastssl.data.patients`).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

from fastssl.data.labels.counts import shortened

from .patients.division import divide_patients
from .patients.strata import stratify

SPLITS = ("train", "val", "test")
TRAIN_BELOW, VAL_BELOW = 0.7, 0.8


def assign_splits(
    paths: Sequence[str], labels: np.ndarray, groups: np.ndarray | None = None, images: np.ndarray | None = None
) -> list[str]:
    """Assign each file of a folder to a split: 70 % of the images are for training, 10 % validate, 20 % test.

    A path's place is its BLAKE2b hash read as a fraction of 1. The path is in Unicode's composed form (NFC), so that a
    set is split alike where it was copied by a system that stores names in another form.

    Without groups every class is divided by itself by the places of its files. So that small classes are in
    every split, the lowest place of a class is always in train, the highest in test (from 2 images), and the one
    nearest the middle of val in val (from 3) if no other is; a file that is added later moves at most these.

    With groups, and of files with several labels, whole patients are divided (`divide_patients`), each by the place of
    the first of its paths in their order; names and numbers of patients do not count. A file that is added later may
    move the patients that stand next to a cut. Where each patient has one image, the splits are those without groups.

    Args:
        paths: relative to the folder.
        labels: `[N]`, the class index of each, -1 without one; or `[N, L]`, 0 or 1, -1 where it is not known.
        groups: int64 `[N]`, a number for each patient; None: each file by itself.
        images: `[N]`, how many images each file has; None: one.

    Returns:
        "train", "val" or "test" for each path. Patients without any label are all in train.
    """
    place = np.array([_place(path) for path in paths])
    alone = groups is None or len(np.unique(groups)) == len(paths)
    single = images is None or bool((np.asarray(images) == 1).all())
    if alone and labels.ndim == 1 and (single or groups is None):
        split = _each_by_itself(place, labels)
        split[labels < 0] = "train"
        return split.tolist()
    first: dict[int, int] = {}
    whose = range(len(paths)) if groups is None else groups.tolist()
    for row in sorted(range(len(paths)), key=lambda row: (unicodedata.normalize("NFC", paths[row]), paths[row])):
        first.setdefault(whose[row], row)
    number = {group: number for number, group in enumerate(first)}
    strata = stratify(labels, np.array([number[group] for group in whose], dtype=np.int64), images)
    parts = divide_patients(strata, place[list(first.values())], (TRAIN_BELOW, VAL_BELOW))
    return [SPLITS[part] for part in parts[strata.patient]]


def notes_on_few_patients(labels: np.ndarray, groups: np.ndarray, class_names: Sequence[str]) -> tuple[str, ...]:
    """Say which classes have too few patients to be in all splits.

    Args:
        labels: `[N]` or `[N, L]`, as of `assign_splits`.
        groups: int64 `[N]`, a number for each patient.
        class_names: by class index, or by column.

    Returns:
        No line, or one for the classes of one patient and one for those of two.
    """
    strata = stratify(labels, groups)
    patients = (strata.counts > 0).sum(axis=0)
    named = {
        count: [f"{name} ({int(strata.counts[:, index].sum())} images)" for index, name in enumerate(class_names)
                if index < len(patients) and patients[index] == count]
        for count in (1, 2)
    }  # fmt: skip
    where = {1: "one patient, who is in train: not tested", 2: "two patients, in train and test: not in val"}
    return tuple(f"classes of {where[count]}: {shortened(names)}" for count, names in named.items() if names)


def _each_by_itself(place: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Splits of files by their places, class by class."""
    bands = (TRAIN_BELOW, VAL_BELOW)
    split = np.array(SPLITS, dtype=object)[np.searchsorted(bands, place, side="right")]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(place[rows])]
        split[rows[0]] = "train"
        if len(rows) >= 2:
            split[rows[-1]] = "test"
        if len(rows) >= 3 and "val" not in split[rows]:
            middle = rows[1:-1]
            split[middle[np.argmin(np.abs(place[middle] - np.mean(bands)))]] = "val"
    return split


def _place(path: str) -> float:
    name = unicodedata.normalize("NFC", path).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") / 2**64
