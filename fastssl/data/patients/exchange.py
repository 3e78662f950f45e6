"""Evening out a division of patients by moving and exchanging those next to its cuts.

Covers: which move helps most, until none does. Does not cover: the cuts (`division.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EVEN = 0.005
"""Share of an amount by which it may be off: what is even enough stays as it is."""
_LEAST_GAIN = 1e-9
_STEPS = 2
"""Moves and exchanges at most, per patient that may move."""


def exchange(split: np.ndarray, movable: np.ndarray, amounts: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Move single patients, or exchange two, until all amounts have about their shares or nothing helps.

    Each step is the best of all. None takes the last patient of an amount out of a split, unless the one that comes in
    exchange has that amount too.

    Args:
        split: int64 `[P]`, 0 to S - 1.
        movable: int64 `[M]`, the patients that may move.
        amounts: float64 `[P, A]`, what is to be divided evenly, such as images of each class.
        shares: S, of each split.

    Returns:
        int64 `[P]`, the division after all steps.
    """
    total = np.maximum(amounts.sum(axis=0), 1)
    share, has = np.asarray(shares)[:, None], amounts > 0
    split, own = split.copy(), (amounts / total)[movable]
    parts = np.arange(len(share))
    error = np.stack([(amounts[split == part] / total).sum(axis=0) for part in parts]) - share
    holders = np.stack([has[split == part].sum(axis=0) for part in parts])
    for _ in range(_STEPS * len(movable)):
        if np.abs(error).max() <= EVEN:
            break
        gain, moves = _best(split[movable], own, has[movable], error, holders)
        if gain < _LEAST_GAIN:
            break
        for row, part in moves:
            patient = movable[row]
            for where, sign in ((split[patient], -1), (part, 1)):
                error[where] += sign * own[row]
                holders[where] += sign * has[patient]
            split[patient] = part
    return split


def _best(
    split: np.ndarray, own: np.ndarray, has: np.ndarray, error: np.ndarray, holders: np.ndarray
) -> tuple[float, list[tuple[int, int]]]:
    """The step that lowers the squared error most: how much, and (row of the patient, its new split) of each move."""
    best: tuple[float, list[tuple[int, int]]] = (0.0, [])
    squares = (own**2).sum(axis=1)
    for origin in range(len(error)):
        rows = np.flatnonzero(split == origin)
        last = has[rows] & (holders[origin] == 1)
        for target in range(len(error)):
            if target == origin or not len(rows):
                continue
            # |e_o - x|^2 + |e_t + x|^2 is lower than before by 2 x (e_o - e_t) - 2 |x|^2
            lean = 2 * (own[rows] @ (error[origin] - error[target]))
            gains = np.where(last.any(axis=1), -np.inf, lean - 2 * squares[rows])
            place = int(np.argmax(gains))
            if gains[place] > best[0]:
                best = (float(gains[place]), [(int(rows[place]), target)])
            others = np.flatnonzero(split == target)
            if target < origin or not len(others):
                continue
            apart = squares[rows][:, None] + squares[others] - 2 * own[rows] @ own[others].T
            back = 2 * (own[others] @ (error[origin] - error[target]))
            gains = lean[:, None] - back - 2 * apart
            gains[last.astype(int) @ ~has[others].T > 0] = -np.inf
            gains[~has[rows] @ (has[others] & (holders[target] == 1)).T.astype(int) > 0] = -np.inf
            at, other = np.unravel_index(int(np.argmax(gains)), gains.shape)
            if gains[at, other] > best[0]:
                best = (float(gains[at, other]), [(int(rows[at]), target), (int(others[other]), origin)])
    return best
