"""Drawing images so that no patient counts more than once before all have counted.

Covers: orders of images in which patients take turns, and in which each patient's images stand together. Does not
cover: which images are drawn from them (few-shot support sets, label fractions, held-out parts).
"""

from __future__ import annotations

import numpy as np


def taking_turns(order: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Put images into an order in which patients take turns: the first of each, the second of each, and so on.

    Args:
        order: int64 `[M]`, rows in a random order.
        groups: int64 `[N]`, the number of each row's patient; None where it is not known, and the order stays.

    Returns:
        int64 `[M]`, the same rows; those that stand in one round have their order.
    """
    if groups is None or not len(order):
        return order
    whose = groups[order]
    by_patient = np.argsort(whose, kind="stable")
    firsts = np.flatnonzero(np.diff(whose[by_patient], prepend=whose[by_patient[0]] - 1))
    turn = np.empty(len(order), dtype=np.int64)
    turn[by_patient] = np.arange(len(order)) - np.repeat(firsts, np.diff(firsts, append=len(order)))
    return order[np.argsort(turn, kind="stable")]
