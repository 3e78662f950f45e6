"""Every random number of the data pipeline: pure functions of (seed, epoch, stream, sample, slot).

Covers: uniform numbers per sample or batch, and the order of an epoch. A counter-based generator (SplitMix64: Steele,
Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) keeps no state, so a sample's numbers
depend on neither the batch size, the number of ranks or threads, nor on where a run was resumed.
Does not cover: what the numbers are used for (`views`), nor any cryptographic purpose.
"""

from __future__ import annotations

import numpy as np

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
# The streams that order epochs, draw for whole batches, and order blocks; views number theirs from 0.
_SHUFFLE, _BATCH, _BLOCKS = 0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFD
_IN_CACHE = 1 << 14  # words mixed at a time: the mask of a batch, drawn at once, takes three times as long


def _mix_integer(value: int) -> int:
    """SplitMix64's finaliser on one Python integer."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser on uint64 arrays, in place."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _key(seed: int, epoch: int, stream: int) -> int:
    """Fold the scalar part of the counter into 64 bits, mixing after each so that none can stand for another."""
    key = _mix_integer(seed + _GOLDEN)
    key = _mix_integer(key ^ _mix_integer(epoch + 2 * _GOLDEN))
    return _mix_integer(key ^ _mix_integer(stream + 3 * _GOLDEN))


def keys(seed: int, epoch: int, indices: np.ndarray, stream: int) -> np.ndarray:
    """Compute where each sample's sequence starts: uint64 `[len(indices)]`.

    `ops/noise.py` continues it on the device.
    """
    return _mix(np.asarray(indices).astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(_key(seed, epoch, stream)))


def words(seed: int, epoch: int, indices: np.ndarray, stream: int, slots: int) -> np.ndarray:
    """Draw 64 random bits per sample and slot: uint64 `[len(indices), slots]`."""
    counters = np.arange(1, slots + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    starts = keys(seed, epoch, indices, stream)[:, None]
    drawn = np.empty((len(starts), slots), dtype=np.uint64)
    rows = max(1, _IN_CACHE // max(slots, 1))
    for first in range(0, len(starts), rows):
        drawn[first : first + rows] = _mix(starts[first : first + rows] + counters)
    return drawn


def uniform(seed: int, epoch: int, indices: np.ndarray, stream: int, slots: int) -> np.ndarray:
    """Draw uniform numbers in [0, 1), 53 random bits each.

    Args:
        seed: of the loader.
        epoch: counted from 0.
        indices: int64 `[B]`, which samples.
        stream: tells apart the independent uses of one sample (its two crops, say).
        slots: numbers of one use.

    Returns:
        Float64 `[B, slots]`.
    """
    return (words(seed, epoch, indices, stream, slots) >> np.uint64(11)) * 2.0**-53


def uniform_of_batch(seed: int, epoch: int, iteration: int) -> float:
    """Draw one uniform number in [0, 1) for a whole batch, the same on every rank."""
    return float(uniform(seed, epoch, np.array([iteration]), _BATCH, 1)[0, 0])


def shuffled(seed: int, epoch: int, indices: np.ndarray) -> np.ndarray:
    """Draw the order in which an epoch visits samples: `indices`, int64 `[n]` and ascending, in another order."""
    return indices[np.argsort(words(seed, epoch, indices, _SHUFFLE, 1)[:, 0], kind="stable")]


def shuffled_blocks(seed: int, epoch: int, blocks: np.ndarray) -> np.ndarray:
    """Draw the order in which an epoch visits blocks of samples, as `shuffled` does that of samples."""
    return blocks[np.argsort(words(seed, epoch, blocks, _BLOCKS, 1)[:, 0], kind="stable")]


def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """Draw the order in which an epoch visits `count` samples: int64 `[count]`."""
    return shuffled(seed, epoch, np.arange(count))
