"""Images that are in a data set twice: in two splits, in one, with different labels.

Covers: equal pixels, near copies, what is counted of them. Does not cover: finding near copies (`near_copies.py`),
patients in two splits (`fastssl.data.patients`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fastssl.data.source import Source, Split

from .near_copies import NearCopies, find_near_copies
from .pixels import Pixels
from .rows import Rows, rows_where

MOST_SIMILAR = 0.9999
"""Correlation of near copies at most: 1 says that pixels are equal."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """An image that another one repeats.

    Attributes:
        split: of the image.
        row: of the image in its split.
        other_split: of the one that it repeats.
        other_row: likewise.
        correlation: 1 where the pixels are equal; else how similar the two are, see `near_copies.py`.
    """

    split: str
    row: int
    other_split: str
    other_row: int
    correlation: float

    @property
    def exact(self) -> bool:
        """Whether the pixels are equal."""
        return self.correlation == 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Duplicates:
    """What is there twice.

    Attributes:
        across: images of a later split that an earlier one has as well (test in train, test in val, val in train), a
            copy for each such pair of splits; equal ones first, then the most similar.
        repeated: split -> images whose pixels are those of one before them.
        alike: split -> images that have an equal or a near copy in their own split.
        conflicts: images with an equal or near copy that has another label.
        exact_conflicts: how many of these have one with equal pixels.
        complete: all near copies were looked for; else there were too many candidates.
    """

    across: tuple[Copy, ...]
    repeated: Mapping[str, int]
    alike: Mapping[str, int]
    conflicts: Rows
    exact_conflicts: int
    complete: bool

    def across_counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Count the copies across splits.

        Returns:
            (split, other split) -> how many images have an equal copy there, and how many a near one; those of train
            first, and of these the ones in test.
        """
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        for copy in self.across:
            exact, near = counts.get((copy.split, copy.other_split), (0, 0))
            counts[copy.split, copy.other_split] = (exact + copy.exact, near + (not copy.exact))
        return {pair: counts[pair] for pair in sorted(counts, key=lambda pair: (pair[1] != "train", pair[0] != "test"))}


def find_duplicates(source: Source, pixels: Mapping[str, Pixels], distance: int) -> Duplicates:
    """Find what is there twice.

    Args:
        source: the data.
        pixels: of all its splits.
        distance: bits of 64 in which the hashes of near copies may differ.

    Returns:
        The duplicates.
    """
    names = list(pixels)
    split_of = np.repeat(np.arange(len(names)), [len(own) for own in pixels.values()])
    content = _contents(pixels)
    thumbnails, contrast = (
        np.concatenate([getattr(own, name) for own in pixels.values()]) for name in ("thumbnails", "contrast")
    )
    near = find_near_copies(thumbnails, contrast, split_of, content, distance)
    labels = _label_numbers(source, pixels)
    exact_conflict = _conflict_of_equals(content, labels)
    own = {name: split_of == number for number, name in enumerate(names)}
    return Duplicates(
        across=_across(pixels, split_of, content, near),
        repeated={name: int(here.sum()) - len(np.unique(content[here])) for name, here in own.items()},
        alike={
            name: int((_is_repeated(content[here]) | (near.partner[number, here] >= 0)).sum())
            for number, (name, here) in enumerate(own.items())
        },
        conflicts=rows_where(exact_conflict | _conflict_of_near(near, labels), pixels),
        exact_conflicts=int(exact_conflict.sum()),
        complete=near.complete,
    )


def _contents(pixels: Mapping[str, Pixels]) -> np.ndarray:
    """A number for each image of all splits, one after the other: equal pixels have one number."""
    numbers: dict[bytes, int] = {}
    every = (digest for own in pixels.values() for digest in own.digests.tolist())
    return np.fromiter((numbers.setdefault(digest, len(numbers)) for digest in every), np.int64)


def _is_repeated(content: np.ndarray) -> np.ndarray:
    """Which numbers are there more than once, bool `[N]`."""
    _, place, count = np.unique(content, return_inverse=True, return_counts=True)
    return np.asarray(count[place.reshape(-1)] > 1)


def _across(
    pixels: Mapping[str, Pixels], split_of: np.ndarray, content: np.ndarray, near: NearCopies
) -> tuple[Copy, ...]:
    """A copy for each image of a later split that an earlier one has as well."""
    names, rows = list(pixels), np.concatenate([own.rows for own in pixels.values()])
    found = []
    for earlier, later in combinations(range(len(names)), 2):
        here, there = np.flatnonzero(split_of == later), np.flatnonzero(split_of == earlier)
        first_of = np.full(int(content.max(initial=0)) + 1, -1)
        first_of[content[there][::-1]] = there[::-1]
        equal, similar = first_of[content[here]], near.partner[earlier, here]
        partner = np.where(equal >= 0, equal, similar)
        correlation = np.where(equal >= 0, 1.0, np.minimum(near.correlation[earlier, here], MOST_SIMILAR))
        found += [
            Copy(
                split=names[later],
                row=int(rows[here[place]]),
                other_split=names[earlier],
                other_row=int(rows[partner[place]]),
                correlation=float(correlation[place]),
            )
            for place in np.flatnonzero(partner >= 0)
        ]
    return tuple(sorted(found, key=lambda copy: -copy.correlation))


def _label_numbers(source: Source, pixels: Mapping[str, Pixels]) -> np.ndarray:
    """A number for each image's label, or for its labels together; -1 where one of them is not known."""
    known = [own.labels for own in source.splits.values() if own.labels is not None]
    width = known[0].reshape(len(known[0]), -1).shape[1] if known else 1
    every = np.concatenate([_label_rows(source.splits[name], own, width) for name, own in pixels.items()])
    numbers = np.unique(every, axis=0, return_inverse=True)[1].reshape(-1)
    return np.where((every < 0).any(axis=1), -1, numbers)


def _label_rows(split: Split, own: Pixels, width: int) -> np.ndarray:
    if split.labels is None:
        return np.full((len(own), width), -1)
    return split.labels[own.rows].reshape(len(own), width)


def _conflict_of_equals(content: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Images whose pixels another image with another label has, bool `[N]`."""
    known = labels >= 0
    contents = int(content.max(initial=0)) + 1
    lowest, highest = np.full(contents, np.iinfo(np.int64).max), np.full(contents, -1)
    np.minimum.at(lowest, content[known], labels[known])
    np.maximum.at(highest, content[known], labels[known])
    return np.asarray(known & (lowest < highest)[content])


def _conflict_of_near(near: NearCopies, labels: np.ndarray) -> np.ndarray:
    """Images with a near copy, the most similar one of a split, that has another label, bool `[N]`."""
    other = np.where(near.partner >= 0, labels[near.partner], -1)
    return np.asarray(((other >= 0) & (labels >= 0) & (other != labels)).any(axis=0))
