"""One mask as it is kept until all masks are read: its distinct values, and where they are.

Covers: values with their counts and colours, packing. Does not cover: reading files (`fastssl.data.reading`), what the
values mean (`scale.py`, `choice.py`).

Which values are foreground is known only when every mask was read. Two values take one bit of each pixel until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fastssl.data.reading import LabelMap
from fastssl.errors import DataError

NEAR_GREY = 16
"""Largest difference of the channels of a grey pixel, in a colour file that was compressed with loss."""

MOST_COLOURS = 4096
"""Of one mask; photographs have more."""

_TABLED = 1 << 16


@dataclass(frozen=True, kw_only=True)
class CodedMask:
    """The labels of one file.

    Attributes:
        path: of the file.
        kind: as in `LabelMap`; files of colours that are all grey are "grey".
        lossy: as in `LabelMap`.
        values: int64 `[K]`, the distinct values, sorted; of colours, 0xRRGGBB.
        counts: int64 `[K]`, pixels of each.
        colours: int64 `[K]`, 0xRRGGBB of each value; None where values have no colours of their own.
        shape: height and width in pixels.
        codes: which value each pixel has: uint `[H, W]`, or, of one or two values, bits in a row.
    """

    path: Path
    kind: Literal["bilevel", "palette", "grey", "colour", "transparency"]
    lossy: bool
    values: np.ndarray
    counts: np.ndarray
    colours: np.ndarray | None
    shape: tuple[int, int]
    codes: np.ndarray

    def looked_up(self, table: np.ndarray) -> np.ndarray:
        """Return an entry of a table for every pixel, `[H, W]`.

        Args:
            table: `[K]`, an entry for each of `values`.
        """
        if len(self.values) > 2:
            return table[self.codes]
        return table[np.unpackbits(self.codes, count=self.shape[0] * self.shape[1]).reshape(self.shape)]


def code_labels(path: Path, labels: LabelMap) -> CodedMask:
    """Take a label map apart into distinct values and where they are.

    Args:
        path: of its file.
        labels: the map.

    Raises:
        DataError: it has as many colours as only images have.
    """
    values, counts, codes = _distinct(labels.values)
    kind, colours = labels.kind, None
    if labels.colours is not None:
        rgb = labels.colours[values].astype(np.int64)
        colours = rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]
        if kind == "colour":
            spread = int((rgb.max(axis=1) - rgb.min(axis=1)).max())
            grey = spread <= (NEAR_GREY if labels.lossy else 0)
            kind = "grey" if grey else "colour"
            keys = np.rint(rgb.mean(axis=1)).astype(np.int64) if grey else colours
            if not grey and len(values) > MOST_COLOURS:
                raise DataError(
                    f"{path}: holds {len(values)} colours, as images do and masks do not; are images and masks "
                    "swapped, or was it compressed with loss? Store masks as PNG, one value or colour for each class"
                )
            values, counts, codes = _merged(keys, counts, codes)
            colours = None if grey else values
    if len(values) <= 2:
        codes = np.packbits(codes.astype(bool))
    return CodedMask(
        path=path,
        kind=kind,
        lossy=labels.lossy,
        values=values,
        counts=counts,
        colours=colours,
        shape=(labels.values.shape[0], labels.values.shape[1]),
        codes=codes,
    )


def _distinct(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(values, counts, codes) of `[H, W]` whole numbers."""
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= _TABLED:
        values, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        return values.astype(np.int64), counts, _narrow(codes.reshape(labels.shape), len(values))
    counts = np.bincount(labels.reshape(-1))
    values = np.flatnonzero(counts)
    table = np.zeros(highest + 1, np.int64)
    table[values] = np.arange(len(values))
    return values, counts[values], _narrow(table, len(values))[labels]


def _merged(keys: np.ndarray, counts: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(values, counts, codes) where each value becomes its key, and equal keys one value."""
    values, places = np.unique(keys, return_inverse=True)
    totals = np.bincount(places, weights=counts, minlength=len(values)).astype(np.int64)
    return values, totals, _narrow(places, len(values))[codes]


def _narrow(codes: np.ndarray, count: int) -> np.ndarray:
    return codes.astype(np.min_scalar_type(count - 1))
