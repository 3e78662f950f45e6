"""Which labelled images a probe is solved on, tuned on and tested on.

Covers: a source's own splits, and seeded, class-balanced stand-ins for a validation or test split that it lacks.
Does not cover: few-shot support sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastssl.data.source import Source
from fastssl.errors import DataError

HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class Part:
    """Some rows of a source's split. rows: int64 `[M]`; labels: `[M]` class indices or `[M, L]` zeros and ones."""

    split: str
    rows: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Partition:
    """The three parts, how many classes (or labels) there are, and what a reader of the results should know."""

    train: Part
    val: Part
    test: Part
    classes: int
    notes: tuple[str, ...]

    @property
    def all(self) -> tuple[Part, Part, Part]:
        """train, val, test."""
        return self.train, self.val, self.test

    @property
    def val_held_out(self) -> bool:
        """Whether the validation part was taken from train, so that the final solution may use both."""
        return self.val.split == "train"


def partition(source: Source, seed: int = 0) -> Partition:
    """Take the source's labelled splits; hold a fifth of train out for each of val and test that is not there.

    Raises:
        DataError: no labels to train on, labels that do not fit the images or each other, or a single class.
    """
    whole = {name: _whole(source, name) for name in ("train", "val", "test")}
    train, val, test = whole["train"], whole["val"], whole["test"]
    if train is None:
        raise DataError(
            f"{source.name}: a probe needs labels and these images have none; give --data with class subfolders, or a "
            "labelled .npz"
        )
    notes = []
    if test is None:
        train, test = _hold_out(train, seed, source.name)
        notes.append(
            f"no labelled test split: tested on {len(test)} images held out of train (seed {seed}), which the encoder "
            "may have seen unlabelled"
        )
    if val is None:
        train, val = _hold_out(train, seed + 1, source.name)
        notes.append(
            f"no labelled validation split: l2 chosen on {len(val)} images held out of train (seed {seed}), then "
            "solved on all of train"
        )
    parts = (train, val, test)
    kinds = {part.labels.shape[1:] for part in parts}
    if len(kinds) > 1:
        shapes = ", ".join(f"{part.split} {list(part.labels.shape)}" for part in parts)
        raise DataError(f"{source.name}: the splits' labels differ in kind ({shapes})")
    return Partition(train, val, test, _count_classes(source, parts), tuple(notes))


def _whole(source: Source, name: str) -> Part | None:
    split = source.splits.get(name)
    if split is None or split.labels is None or len(split) == 0:
        return None
    if len(split.labels) != len(split):
        raise DataError(f"{source.name}: {len(split.labels)} labels for the {len(split)} images of {name}")
    return Part(name, np.arange(len(split)), np.asarray(split.labels, dtype=np.int64))


def _hold_out(part: Part, seed: int, name: str) -> tuple[Part, Part]:
    """(kept, held out): a fifth of every class, and never its last image; of all images for multi-label data."""
    rng = np.random.default_rng(seed)
    groups = part.labels if part.labels.ndim == 1 else np.zeros(len(part), dtype=np.int64)
    held = np.zeros(len(part), dtype=bool)
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        held[members[: min(len(members) - 1, max(1, round(len(members) * HELD_OUT_SHARE)))]] = True
    if not held.any():
        raise DataError(f"{name}: every class has a single image, so none can be held out to validate or test on")
    kept = Part(part.split, part.rows[~held], part.labels[~held])
    return kept, Part(part.split, part.rows[held], part.labels[held])


def _count_classes(source: Source, parts: tuple[Part, ...]) -> int:
    train = parts[0].labels
    if train.ndim == 2:
        if (train == train[0]).all():
            raise DataError(f"{source.name}: no label varies among the training images; there is nothing to tell apart")
        return train.shape[1]
    present = np.unique(train)
    if len(present) == 1:
        raise DataError(f"{source.name}: every training image is of class {present[0]}; there is nothing to tell apart")
    return max(len(source.class_names), *(int(part.labels.max()) + 1 for part in parts))
