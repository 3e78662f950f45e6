"""In which order an epoch visits the samples: shuffled as a whole, within windows, or not at all.

Covers: the sample at every position of an epoch, as a pure function of (seed, epoch, position). Does not cover: which
positions a batch and a rank have (`producer.py`), reading (`window_store.py`).

A windowed order shuffles blocks of neighbouring samples, cuts the blocks, so shuffled, into windows, and shuffles each
window's samples with each other. A window can so be read in pieces of a block, comes from all over the data, and is the
only part of the order that is in memory. Where one window holds all samples the order is that of the whole shuffle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from fastssl.pipelines.random import permutation, shuffled, shuffled_blocks


class EpochOrder(Protocol):
    """The order of every epoch."""

    def samples(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The samples at the positions from `start` up to `stop`: int64 `[stop - start]`."""


class WholeOrder:
    """All samples shuffled with each other, or in their own order.

    Args:
        seed: of the loader.
        count: of the samples.
        shuffle: whether they are shuffled.
    """

    def __init__(self, seed: int, count: int, *, shuffle: bool) -> None:
        self._seed, self._count, self._shuffle = seed, count, shuffle
        self._order = lru_cache(maxsize=2)(self._epoch_order)  # a prefetched batch may belong to the next epoch

    def samples(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The samples at the positions from `start` up to `stop`: int64 `[stop - start]`."""
        return self._order(epoch)[start:stop] if self._shuffle else np.arange(start, min(stop, self._count))

    def _epoch_order(self, epoch: int) -> np.ndarray:
        return permutation(self._seed, epoch, self._count)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of an epoch.

    Args:
        number: of the window in its epoch.
        start: position of its first sample.
        samples: int64 `[n]`, by position.
    """

    number: int
    start: int
    samples: np.ndarray

    @property
    def stop(self) -> int:
        """The position after its last sample."""
        return self.start + len(self.samples)


class WindowedOrder:
    """Samples shuffled within windows, each of blocks from all over the data.

    Args:
        seed: of the loader.
        count: of the samples.
        window: samples of a window; the last one of an epoch, and the one with the data's last block, may have fewer.
        block: neighbouring samples that stay in one window.
        shuffle: whether they are shuffled; else windows and samples are in their own order.
    """

    def __init__(self, seed: int, count: int, *, window: int, block: int, shuffle: bool = True) -> None:
        self._seed, self._count, self._shuffle = seed, count, shuffle
        self.block = min(block, window)
        self._blocks = -(-count // self.block)
        self._per_window = window // self.block
        self.windows = -(-self._blocks // self._per_window)
        # An epoch's windows, and those of two epochs where one ends: a batch is made while others are read.
        self._starts = lru_cache(maxsize=3)(self._window_starts)
        self.window = lru_cache(maxsize=4)(self._window)

    def samples(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The samples at the positions from `start` up to `stop`: int64 `[stop - start]`."""
        windows = (self.window(epoch, number) for number in self.numbers(epoch, start, stop))
        return np.concatenate([own.samples[max(0, start - own.start) : stop - own.start] for own in windows])

    def numbers(self, epoch: int, start: int, stop: int) -> range:
        """The numbers of the windows that positions lie in."""
        starts = self._starts(epoch)[1]
        first, last = np.searchsorted(starts, [start, min(stop, self._count) - 1], side="right") - 1
        return range(int(first), int(last) + 1)

    def _window_starts(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The blocks in the epoch's order, and the position at which each window starts."""
        blocks = np.arange(self._blocks)
        if self._shuffle:
            blocks = shuffled_blocks(self._seed, epoch, blocks)
        ends = np.cumsum(np.minimum(self.block, self._count - blocks * self.block))
        return blocks, np.concatenate([[0], ends[self._per_window - 1 : -1 : self._per_window]])

    def _window(self, epoch: int, number: int) -> Window:
        blocks, starts = self._starts(epoch)
        own = np.sort(blocks[number * self._per_window : (number + 1) * self._per_window])
        samples = (own[:, None] * self.block + np.arange(self.block)).reshape(-1)
        samples = samples[samples < self._count]
        if self._shuffle:
            samples = shuffled(self._seed, epoch, samples)
        return Window(number=number, start=int(starts[number]), samples=samples)
