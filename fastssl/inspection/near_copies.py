"""Images that are nearly the same picture: for each, the most similar one in each split.

Covers: candidates by perceptual hashes, each checked by its pixels. Does not cover: equal pixels, what is counted
(`duplicates.py`). Not found: copies that are cropped, turned or mirrored.

The check is the correlation of two thumbnails after the mean thumbnail of the set was taken away from both: any two
chest X-rays have a correlation near 1, but only copies deviate from the mean chest in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .near_pairs import near_pairs
from .perceptual_hash import perceptual_hashes

SIMILAR = 0.95
"""Correlation of the deviations from the mean from which on two images are near copies."""
LEAST_CONTRAST = 4 / 255
"""Standard deviation of the pixels below which an image is like every other blank one: it is not compared."""
MOST_CHECKED = 5_000_000
"""Candidates that are checked by their pixels."""
_CHUNK = 1 << 13


@dataclass(frozen=True, kw_only=True, eq=False)
class NearCopies:
    """The most similar image of each split, for each image.

    Attributes:
        correlation: float32 `[S, N]`, -1 where the split has none that is similar enough.
        partner: int64 `[S, N]`, the image; -1 likewise.
        complete: all candidates were checked; else the first `MOST_CHECKED`.
    """

    correlation: np.ndarray
    partner: np.ndarray
    complete: bool


def find_near_copies(
    thumbnails: np.ndarray, contrast: np.ndarray, split_of: np.ndarray, content: np.ndarray, distance: int
) -> NearCopies:
    """Find near copies among all images of a set, those with equal pixels left out.

    Args:
        thumbnails: uint8 `[N, 32, 32]`, grey.
        contrast: `[N]`, standard deviation of the pixels, of 1 for white.
        split_of: int64 `[N]`, the number of each image's split.
        content: int64 `[N]`, equal where pixels are equal.
        distance: bits of 64 in which the hashes of near copies may differ.

    Returns:
        For each image the most similar one of each split.
    """
    splits = int(split_of.max()) + 1 if len(split_of) else 0
    # Of images with equal pixels in one split, one is compared for all.
    _, chosen, stands_for = np.unique(content * max(1, splits) + split_of, return_index=True, return_inverse=True)
    own_split, own_content = split_of[chosen], content[chosen]
    best = np.full((splits, len(chosen)), -1, np.float32)
    partner = np.full((splits, len(chosen)), -1, np.int64)
    clear = np.flatnonzero(contrast[chosen] >= LEAST_CONTRAST)
    check = _Check(thumbnails, chosen)
    checked, complete = 0, True
    for first, second in near_pairs(perceptual_hashes(thumbnails[chosen[clear]]), distance):
        one, other = clear[first], clear[second]
        differ = own_content[one] != own_content[other]
        one, other = one[differ], other[differ]
        if checked + len(one) > MOST_CHECKED:
            complete = False
            break
        checked += len(one)
        similarity = check(one, other)
        for here, there in ((one, other), (other, one)):
            _keep_best(best, partner, here, there, own_split[there], similarity)
    stands_for = stands_for.reshape(-1)
    found = partner[:, stands_for]
    return NearCopies(
        correlation=best[:, stands_for],
        partner=np.where(found < 0, -1, chosen[found]) if len(chosen) else found,
        complete=complete,
    )


class _Check:
    """Correlates thumbnails `[N, 32, 32]` of chosen images, less the mean of all chosen ones."""

    def __init__(self, thumbnails: np.ndarray, chosen: np.ndarray) -> None:
        self._thumbnails, self._chosen = thumbnails.reshape(len(thumbnails), -1), chosen
        self._mean = np.zeros(self._thumbnails.shape[1], np.float32)
        for start in range(0, len(chosen), _CHUNK):
            own = _standard(self._thumbnails[chosen[start : start + _CHUNK]])
            self._mean += own.sum(axis=0) / np.float32(len(chosen))

    def __call__(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        parts = [
            (self._deviations(one[start : start + _CHUNK]) * self._deviations(other[start : start + _CHUNK])).sum(
                axis=1
            )
            for start in range(0, len(one), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _deviations(self, places: np.ndarray) -> np.ndarray:
        apart = _standard(self._thumbnails[self._chosen[places]]) - self._mean
        return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), np.float32(1e-6)))


def _standard(flat: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 in each row."""
    values = flat.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return np.asarray(values / np.maximum(values.std(axis=1, keepdims=True), np.float32(1e-6)))


def _keep_best(
    best: np.ndarray, partner: np.ndarray, here: np.ndarray, there: np.ndarray, split: np.ndarray, found: np.ndarray
) -> None:
    """Note pairs that are similar enough, and more so than what was known; of several, the most similar."""
    better = (found >= SIMILAR) & (found > best[split, here])
    order = np.flatnonzero(better)[np.argsort(found[better], kind="stable")]  # the last one that is written stays
    best[split[order], here[order]] = found[order]
    partner[split[order], here[order]] = there[order]
