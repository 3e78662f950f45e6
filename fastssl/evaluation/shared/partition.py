"""Which labelled images an evaluation learns from, chooses by and tests on.

Covers: a source's own splits, and seeded, class-balanced stand-ins for a validation or test split that it lacks, with
no patient's images in two parts where it is known whose they are, and the words that say so. Does not cover: which
patients are held out (`held_out_groups.py`), shares of the labels, few-shot support sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fastssl.data.labels.counts import shortened
from fastssl.data.source import Source
from fastssl.errors import DataError

from .held_out_groups import held_out_groups

HELD_OUT_SHARE = 0.2
HELD_OUT = "{held_out}"
"""Stands for the held-out images in what `Partition.held_out_notes` is told of the validation part."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some images of one of a source's splits.

    Attributes:
        split: the split's name.
        rows: int64 `[M]`, the images' places in it.
        labels: int64 `[M]` class indices, or `[M, L]` zeros and ones.
        groups: int64 `[M]`, a number for each patient; None where that is not known.
    """

    split: str
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def some(self, chosen: np.ndarray) -> Part:
        """Return the part with these of its images alone.

        Args:
            chosen: bool `[M]`, or places in the part, in the order wanted.
        """
        groups = None if self.groups is None else self.groups[chosen]
        return Part(split=self.split, rows=self.rows[chosen], labels=self.labels[chosen], groups=groups)

    def joined(self, other: Part) -> Part:
        """Return the images of both parts of one split, in the split's order.

        Args:
            other: has none of this part's images.
        """
        order = np.argsort(np.concatenate([self.rows, other.rows]))
        rows, labels = (np.concatenate(both)[order] for both in ((self.rows, other.rows), (self.labels, other.labels)))
        groups = None
        if self.groups is not None and other.groups is not None:
            groups = np.concatenate([self.groups, other.groups])[order]
        return Part(split=self.split, rows=rows, labels=labels, groups=groups)


@dataclass(frozen=True, kw_only=True)
class Partition:
    """The labelled images of a source in three parts.

    Attributes:
        train: learnt from.
        val: choices are made by it.
        test: scored on.
        classes: how many classes or, of multi-label data, labels there are.
        seed: what is held out of train was drawn by it.
        class_names: by class index, as far as they are known.
        unlabelled: split -> images that are left out because they have no label.
    """

    train: Part
    val: Part
    test: Part
    classes: int
    seed: int
    class_names: tuple[str, ...] = ()
    unlabelled: Mapping[str, int] = field(default_factory=dict)

    @property
    def all(self) -> tuple[Part, Part, Part]:
        """train, val, test."""
        return self.train, self.val, self.test

    @property
    def counts(self) -> tuple[int, int, int]:
        """Images in train, val and test."""
        return len(self.train), len(self.val), len(self.test)

    @property
    def val_held_out(self) -> bool:
        """Whether the validation part was taken from train, so that a final solution may use both."""
        return self.val.split == "train"

    @property
    def test_held_out(self) -> bool:
        """Whether the test part was taken from train, so that encoders may have been trained on its images."""
        return self.test.split == "train"

    def held_out_notes(self, validation: str = "") -> tuple[str, ...]:
        """Return what a reader of the results should know of the images that they are about.

        A line for each part that was held out of train, one for images that are left out because they have no label,
        and one for classes that cannot be learnt.

        Args:
            validation: what the validation part is used for, with `HELD_OUT` in the place of its images, as in "l2
                chosen on {held_out}"; "" where it is not used.
        """
        notes = []
        if self.test_held_out:
            notes.append(
                f"no labelled test split: tested on {self._held_out(self.test)}, which an encoder may have seen "
                "unlabelled"
            )
        if self.val_held_out and validation:
            notes.append(f"no labelled validation split: {validation.replace(HELD_OUT, self._held_out(self.val))}")
        if any(self.unlabelled.values()):
            left_out = ", ".join(f"{split} {count}" for split, count in self.unlabelled.items() if count)
            what = "some labels" if self.train.labels.ndim == 2 else "a label"
            notes.append(f"images without {what} are left out: {left_out}")
        return (*notes, *self._absent_classes())

    def _absent_classes(self) -> tuple[str, ...]:
        """A line on classes that are scored and not trained on."""
        names = dict(enumerate(self.class_names))
        trained, tested = (_present(part.labels) for part in (self.train, self.test))
        absent = [f"{names.get(index, index)} ({tested[index]})" for index in tested if index not in trained]
        return (f"no training image of class {shortened(absent)} (test images)",) if absent else ()

    def _held_out(self, part: Part) -> str:
        whose = "" if part.groups is None else f" of {len(np.unique(part.groups))} patients"
        return f"{len(part)} images{whose} held out of train (seed {self.seed})"


def partition(source: Source, seed: int = 0) -> Partition:
    """Take the source's labelled splits; hold a fifth of train out for each of val and test that is not there.

    Args:
        source: the images.
        seed: of what is held out.

    Raises:
        DataError: there are no labels to train on, labels that do not fit the images or each other, or a single class.
    """
    if source.label_problem:
        raise DataError(f"{source.name}: {source.label_problem}")
    whole = {name: _whole(source, name) for name in ("train", "val", "test")}
    train, val, test = whole["train"], whole["val"], whole["test"]
    if train is None:
        raise DataError(
            f"{source.name}: an evaluation needs labels and these images have none; give --data with class subfolders, "
            "or a labelled .npz"
        )
    if test is None:
        train, test = _hold_out(train, seed, source.name)
    if val is None:
        train, val = _hold_out(train, seed + 1, source.name)
    parts = (train, val, test)
    kinds = {part.labels.shape[1:] for part in parts}
    if len(kinds) > 1:
        shapes = ", ".join(f"{part.split} {list(part.labels.shape)}" for part in parts)
        raise DataError(f"{source.name}: the splits' labels differ in kind ({shapes})")
    return Partition(
        train=train,
        val=val,
        test=test,
        classes=_count_classes(source, parts),
        seed=seed,
        class_names=source.class_names,
        unlabelled=_unlabelled(source),
    )


def _present(labels: np.ndarray) -> dict[int, int]:
    """Class or column -> number of its images, where there are any."""
    counts = np.bincount(labels) if labels.ndim == 1 else labels.sum(axis=0)
    return {index: int(count) for index, count in enumerate(counts) if count}


def _unlabelled(source: Source) -> dict[str, int]:
    labels = {name: split.labels for name, split in source.splits.items() if split.labels is not None}
    return {name: int((~_known(own)).sum()) for name, own in labels.items()}


def _known(labels: np.ndarray) -> np.ndarray:
    """Which images have a label, or of multi-label data all of them; -1 says that one is missing."""
    return np.all(labels.reshape(len(labels), -1) >= 0, axis=1)


def _whole(source: Source, name: str) -> Part | None:
    split = source.splits.get(name)
    if split is None or split.labels is None or len(split) == 0:
        return None
    if len(split.labels) != len(split):
        raise DataError(f"{source.name}: {len(split.labels)} labels for the {len(split)} images of {name}")
    labels = np.asarray(split.labels, dtype=np.int64)
    whole = Part(split=name, rows=np.arange(len(split)), labels=labels, groups=split.groups)
    labelled = _known(labels)
    return whole.some(labelled) if labelled.any() else None


def _hold_out(part: Part, seed: int, name: str) -> tuple[Part, Part]:
    """(kept, held out): a fifth of every class, and never its last image; of all images for multi-label data."""
    if part.groups is not None:
        held = held_out_groups(part.labels, part.groups, HELD_OUT_SHARE, seed)
        if held is None:
            raise DataError(
                f"{name}: every patient is needed in training, so none can be held out to choose or test on"
            )
        return part.some(~held), part.some(held)
    rng = np.random.default_rng(seed)
    groups = part.labels if part.labels.ndim == 1 else np.zeros(len(part), dtype=np.int64)
    held = np.zeros(len(part), dtype=bool)
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        held[members[: min(len(members) - 1, max(1, round(len(members) * HELD_OUT_SHARE)))]] = True
    if not held.any():
        raise DataError(f"{name}: every class has a single image, so none can be held out to validate or test on")
    return part.some(~held), part.some(held)


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
