"""Searching the largest batch size, whatever it is tried by.

Covers: doubling, halving and bisecting, which sizes are tried. Does not cover: trying one (`gpu_batches.py`), computing
it from a few peaks (`host_batches.py`).
"""

from __future__ import annotations

from collections.abc import Callable

FINENESS = 1 / 16
"""Of the largest batch that fits, the share that the search may miss it by."""
COARSEST = 64
"""Batch sizes between two that were tried are multiples of at most this."""


def largest_that_fits(
    fits: Callable[[int], bool], begin: int, most: int, going_on: Callable[[], bool] = lambda: True
) -> tuple[int | None, bool]:
    """Find the largest size that fits: double while it does, halve while it does not, then bisect.

    Args:
        fits: tries a size.
        begin: the size to begin with.
        most: that is tried at most.
        going_on: asked before every trial but the first.

    Returns:
        The largest size that was seen to fit, None where none was; and whether the search ended too early to know that
        it is the largest, but for `FINENESS`.
    """
    low, high, size, trials = 0, most + 1, min(begin, most), 0
    while size > low:
        if trials and not going_on():
            return low or None, True
        trials += 1
        if fits(size):
            low = size
        else:
            high = size
        size = _next_size(low, high, most, grain_of(begin))
    return low or None, False


def grain_of(batch_size: int) -> int:
    """Choose what batch sizes are multiples of: the asked one may have to be divided, in groups of batch norm or parts.

    Args:
        batch_size: that is asked for.

    Returns:
        The largest power of two that divides it, at most `COARSEST`.
    """
    return min(batch_size & -batch_size, COARSEST)


def _next_size(low: int, high: int, most: int, grain: int) -> int:
    """The next size to try; `low` where there is none."""
    if low == 0:
        return max(2, high // 2) if high > 2 else 0
    if high > most:
        return min(2 * low, most)
    if high - low <= max(1, low * FINENESS):
        return low
    middle = (low + high) // 2
    return max(low, middle // grain * grain)
