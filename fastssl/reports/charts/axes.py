"""Axes: from values to places in a drawing, and the ticks between them.

Covers: linear and logarithmic axes. Does not cover: drawing them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TICKS = 5
"""Most ticks of an axis, about."""
LEAST_SPREAD = 0.01
"""Of an axis, as a share of its largest value: ticks have four digits."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis.

    Attributes:
        low: the value at its beginning.
        high: the value at its end.
        begin: the place of `low` in the drawing.
        end: the place of `high`.
        log: it is logarithmic; `low` is positive.
        ticks: values that are marked.
    """

    low: float
    high: float
    begin: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return where a value is in the drawing."""
        low, high, value = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return self.begin + (self.end - self.begin) * ((value - low) / (high - low))


def make_axis(
    values: Iterable[float], begin: float, end: float, *, log: bool = False, ticks: Iterable[float] | None = None
) -> Axis:
    """Make an axis that holds all values.

    Args:
        values: what is drawn; those that are not finite do not count.
        begin: the place of its beginning.
        end: the place of its end.
        log: make it logarithmic, of positive values.
        ticks: values to mark; None: round ones, from below the lowest value to above the highest.

    Returns:
        The axis; of no values, from 0 to 1.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if ticks is None:
        from matplotlib.ticker import MaxNLocator

        low, high = _widened(low, high)
        marked = [float(tick) for tick in MaxNLocator(TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
        low, high = min(low, marked[0]), max(high, marked[-1])
    else:
        marked = sorted(set(ticks))
    if high <= low:
        low, high = (low / 2, low * 2) if log else (low - 0.5, low + 0.5)
    return Axis(low=low, high=high, begin=begin, end=end, log=log, ticks=tuple(marked))


def _widened(low: float, high: float) -> tuple[float, float]:
    """The ends, or wider ones where values are so much alike that ticks between them would read the same."""
    least = LEAST_SPREAD * max(abs(low), abs(high))
    return (low, high) if high - low >= least else (low - least / 2, high + least / 2)


def tick_text(value: float) -> str:
    """Return a tick's value as short text: 0.25, 1500, 2M, 5e-4."""
    if 0 < abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{value:.4g}"
