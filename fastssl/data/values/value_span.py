"""The values that a file, an array or a set of them holds.

Covers: lowest and highest value, with and without marks, and what is said of marks. Does not cover: which of them are
black and white (`value_range.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_RARE = 0.01
"""Share of the values up to which burnt-in text and outlines are rare."""
_LEAST_SPREAD = {"u": 32, "i": 32}
"""How far apart whole numbers lie at least that are measurements and no labels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueSpan:
    """The values that one file or array holds, before any resizing.

    The smallest and the largest value of a type are often no measurement: padding around a scan, text burnt in. They
    are therefore counted, and the others have extremes of their own.

    Args:
        lowest: of all values.
        highest: of all values.
        dtype: of the file or array.
        pixels: how many values there are.
        at_bottom: how many of them are the type's smallest value.
        at_top: how many of them are the type's largest value.
        inner: the lowest and the highest of the other values; None where there are no others.
    """

    lowest: float
    highest: float
    dtype: np.dtype
    pixels: int = 1
    at_bottom: int = 0
    at_top: int = 0
    inner: tuple[float, float] | None = None

    @classmethod
    def of(cls, values: np.ndarray) -> ValueSpan:
        """Measure an array.

        Args:
            values: of any shape with at least one value, integers or floats, all finite.

        Returns:
            Its span. The smallest and the largest value of a type are counted where it has more than 8 bits.
        """
        lowest, highest = values.min(), values.max()
        limits = np.finfo(values.dtype) if values.dtype.kind == "f" else np.iinfo(values.dtype)
        at_bottom = at_top = 0
        inner: tuple[float, float] | None = (float(lowest), float(highest))
        if values.dtype != np.uint8 and (lowest == limits.min or highest == limits.max):
            bottom, top = values == limits.min, values == limits.max
            at_bottom, at_top = int(np.count_nonzero(bottom)), int(np.count_nonzero(top))
            others = values[~(bottom | top)]
            inner = (float(others.min()), float(others.max())) if others.size else None
        return cls(
            lowest=float(lowest),
            highest=float(highest),
            dtype=values.dtype,
            pixels=values.size,
            at_bottom=at_bottom,
            at_top=at_top,
            inner=inner,
        )

    def as_json(self) -> list[Any]:
        """Return what JSON can hold of it."""
        inner = None if self.inner is None else list(self.inner)
        return [self.lowest, self.highest, self.dtype.name, self.pixels, self.at_bottom, self.at_top, inner]

    @classmethod
    def from_json(cls, kept: Sequence[Any]) -> ValueSpan:
        """Return the span that `as_json` wrote.

        Args:
            kept: as it was written.
        """
        lowest, highest, dtype, pixels, at_bottom, at_top, inner = kept
        return cls(
            lowest=lowest,
            highest=highest,
            dtype=np.dtype(dtype),
            pixels=pixels,
            at_bottom=at_bottom,
            at_top=at_top,
            inner=None if inner is None else (inner[0], inner[1]),
        )

    @classmethod
    def joined(cls, spans: Sequence[ValueSpan]) -> ValueSpan:
        """Return the span of all values of several files or arrays together; their type is the one that holds all."""
        inner = [span.inner for span in spans if span.inner is not None]
        return cls(
            lowest=min(span.lowest for span in spans),
            highest=max(span.highest for span in spans),
            dtype=np.result_type(*{span.dtype for span in spans}),
            pixels=sum(span.pixels for span in spans),
            at_bottom=sum(span.at_bottom for span in spans),
            at_top=sum(span.at_top for span in spans),
            inner=(min(low for low, _ in inner), max(high for _, high in inner)) if inner else None,
        )


def unmarked(span: ValueSpan) -> tuple[float, float]:
    """Find the extremes of the values that are measurements.

    The type's largest value is a mark, not a measurement, where the others fit into fewer bits and it is rare, or into
    three bits fewer; its smallest value, where it lies further below the others than these are apart.

    Args:
        span: of a set.

    Returns:
        The lowest and the highest value without the marks.
    """
    lowest, highest = span.lowest, span.highest
    if span.inner is None or span.inner[1] - span.inner[0] < _LEAST_SPREAD.get(span.dtype.kind, 0):
        return lowest, highest
    inner_lowest, inner_highest = span.inner
    rare = span.at_top <= _RARE * span.pixels
    if span.at_top and max(0.0, inner_highest) < highest / (2 if rare else 8):
        highest = inner_highest
    if span.at_bottom and inner_lowest - lowest > inner_highest - inner_lowest:
        lowest = inner_lowest
    return lowest, highest


def describe_marks(span: ValueSpan) -> list[str]:
    """Say which values are taken as marks.

    Args:
        span: of a set.

    Returns:
        A line for each of them.
    """
    (lowest, highest), lines = unmarked(span), []
    for mark, own, count, colour in (
        (span.lowest, lowest, span.at_bottom, "black"),
        (span.highest, highest, span.at_top, "white"),
    ):
        if mark != own:
            share = max(count / span.pixels, 0.0001)
            lines.append(
                f"the value {mark:.9g} ({share:.2%} of the pixels) lies far from the others, which "
                f"{'begin' if colour == 'black' else 'end'} at {own:.9g}: taken as a mark, and shown {colour}"
            )
    return lines
