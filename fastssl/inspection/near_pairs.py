"""All pairs of hashes that differ in few bits, without comparing each with each.

Covers: exact search among 64-bit hashes by the pigeonhole principle. Does not cover: making hashes
(`perceptual_hash.py`), whether images of near hashes are alike (`duplicates.py`).

Of two hashes that differ in at most d bits, cut into d + 1 bands, at least one band is equal: so only hashes that share
a band are compared, and no pair is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

BITS = 64
CHUNK = 1 << 21
"""Pairs that are compared at a time."""


def near_pairs(hashes: np.ndarray, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find all pairs of hashes that differ in at most some bits.

    Args:
        hashes: uint64 `[N]`.
        distance: most bits that may differ, 0 to 63.

    Yields:
        Rows of the hashes, int64 `[P]` twice: the pairs in parts, each pair once.
    """
    bands = list(_bands(hashes, distance + 1))
    for place, band in enumerate(bands):
        for first, second in _of_one_value(band):
            close = bits_of(hashes[first] ^ hashes[second]) <= distance
            first, second = first[close], second[close]
            found_before = np.zeros(len(first), bool)
            for earlier in bands[:place]:
                found_before |= earlier[first] == earlier[second]
            yield first[~found_before], second[~found_before]


def bits_of(words: np.ndarray) -> np.ndarray:
    """Count the bits of each word that are 1.

    Args:
        words: uint64, of any shape.

    Returns:
        uint8 of the same shape.
    """
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.asarray(np.bitwise_count(words))
    octets = np.ascontiguousarray(words)[..., None].view(np.uint8)
    return np.unpackbits(octets, axis=-1).sum(axis=-1, dtype=np.uint8)


def _bands(hashes: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Cut the bits of every hash into runs of nearly equal length, and yield the values of each run."""
    edges = np.linspace(0, BITS, count + 1).astype(int)
    for start, stop in pairwise(edges):
        yield (hashes >> np.uint64(start)) & np.uint64(2 ** int(stop - start) - 1)


def _of_one_value(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of rows that have one value, about `CHUNK` of them at a time."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    partners = np.searchsorted(ordered, ordered, side="right") - np.arange(len(order)) - 1  # those behind, equal
    until = np.cumsum(partners)
    start = 0
    while start < len(order):
        before = until[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(until, before + CHUNK, side="right")))
        own = partners[start:stop]
        first = np.repeat(np.arange(start, stop), own)
        second = first + np.arange(len(first)) - np.repeat(np.cumsum(own) - own, own) + 1
        yield order[first], order[second]
        start = stop
