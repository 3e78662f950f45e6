"""Logged columns made fit to be drawn: smoothed, and thinned to as many points as a screen shows.

Covers: these two. Does not cover: drawing.
"""

from __future__ import annotations

import numpy as np

from ..reading.run_logs import LoggedColumn

WINDOW_SHARE = 1 / 40
"""Of all steps, the width of the window of a smoothed line."""


def smoothed(column: LoggedColumn) -> LoggedColumn:
    """Return the mean over a window around each step, narrower at both ends; values that are not finite do not count.

    Args:
        column: at least one value.

    Returns:
        As many values at the same steps; nan where the whole window has none.
    """
    half = max(1, round(len(column.values) * WINDOW_SHARE / 2))
    known = np.isfinite(column.values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, column.values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    places = np.arange(len(column.values))
    reach = np.minimum(half, np.minimum(places, places[::-1]))
    low, high = places - reach, places + reach + 1
    with np.errstate(invalid="ignore"):
        return LoggedColumn(steps=column.steps, values=(sums[high] - sums[low]) / (counts[high] - counts[low]))


def thinned(column: LoggedColumn, most: int) -> LoggedColumn:
    """Return at most `most` points of a column, evenly spaced, with the lowest and the highest value of each part.

    Args:
        column: at least one value.
        most: points that may remain, at least 4.

    Returns:
        The column itself where it is short enough.
    """
    if len(column.values) <= most:
        return column
    parts = np.array_split(np.arange(len(column.values)), (most - 2) // 2)
    kept = {0, len(column.values) - 1}
    for part in parts:
        values = column.values[part]
        known = np.isfinite(values)
        kept |= {
            int(part[np.where(known, values, worst).argsort()[end]]) for worst, end in ((np.inf, 0), (-np.inf, -1))
        }
    rows = np.array(sorted(kept))
    return LoggedColumn(steps=column.steps[rows], values=column.values[rows])
