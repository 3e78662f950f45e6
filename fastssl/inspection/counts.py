"""How many images, and of how many patients, each split and class has.

Covers: counts, patients with images in two splits. Does not cover: finding whose images are (`fastssl.data.patients`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fastssl.data.source import Source, Split

Three = tuple[int, float, int]
"""Least, median and greatest."""


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """Images of a class in a split.

    Attributes:
        images: that have the label.
        patients: that these are of; None where it is not known.
    """

    images: int
    patients: int | None


@dataclass(frozen=True, kw_only=True)
class SplitCount:
    """Images of a split.

    Attributes:
        images: all of them.
        unlabelled: those without any label; None where the split has no labels at all.
        patients: whose they are; None where it is not known.
        per_patient: images of a patient: least, median, greatest; None likewise.
        classes: by name; of multi-label data an image counts for each of its labels.
    """

    images: int
    unlabelled: int | None
    patients: int | None
    per_patient: Three | None
    classes: Mapping[str, ClassCount]


def count_splits(source: Source) -> dict[str, SplitCount]:
    """Count images and patients.

    Args:
        source: the data.

    Returns:
        By split.
    """
    return {name: _count(split, source.class_names) for name, split in source.splits.items()}


def shared_patients(source: Source) -> dict[tuple[str, str], int]:
    """Count the patients who have images in two splits.

    Args:
        source: the data.

    Returns:
        (split, later split) -> how many, where there are any.
    """
    groups = {name: split.groups for name, split in source.splits.items() if split.groups is not None}
    shared = {(one, other): len(np.intersect1d(groups[one], groups[other])) for one, other in combinations(groups, 2)}
    return {pair: count for pair, count in shared.items() if count}


def members(split: Split, label: int) -> np.ndarray:
    """Return the rows of the images that have a label, int64.

    Args:
        split: with labels.
        label: its number: the index of the class, or the column.
    """
    labels = split.labels
    if labels is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(labels == label if labels.ndim == 1 else labels[:, label] > 0)


def _count(split: Split, class_names: tuple[str, ...]) -> SplitCount:
    images = None if split.groups is None else np.unique(split.groups, return_counts=True)[1]
    known = None if split.labels is None else (split.labels.reshape(len(split), -1) >= 0).any(axis=1)
    own = [members(split, label) for label in range(len(class_names))] if split.labels is not None else []
    return SplitCount(
        images=len(split),
        unlabelled=None if known is None else int((~known).sum()),
        patients=None if images is None else len(images),
        per_patient=None if images is None else (int(images.min()), float(np.median(images)), int(images.max())),
        classes={name: _count_class(split, rows) for name, rows in zip(class_names, own, strict=False)},
    )


def _count_class(split: Split, rows: np.ndarray) -> ClassCount:
    patients = None if split.groups is None else len(np.unique(split.groups[rows]))
    return ClassCount(images=len(rows), patients=patients)
