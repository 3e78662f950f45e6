"""Which images of which split something is said of, and what they are called.

Covers: rows by split, names. Does not cover: what is said of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastssl.data.source import Source

from .pixels import Pixels

Rows = Mapping[str, np.ndarray]
"""Split -> int64, rows of its images; splits without any are left out."""


def rows_where(chosen: np.ndarray, pixels: Mapping[str, Pixels]) -> dict[str, np.ndarray]:
    """Bring a choice among all images that were looked at to rows of the splits.

    Args:
        chosen: bool, of the images of all splits, one split after the other.
        pixels: by split.

    Returns:
        The rows.
    """
    ends = np.cumsum([len(own) for own in pixels.values()])[:-1]
    parts = zip(pixels.items(), np.split(chosen, ends), strict=True)
    return {name: own.rows[part] for (name, own), part in parts if part.any()}


def count_of(rows: Rows) -> int:
    """Return how many images these are."""
    return sum(map(len, rows.values()))


def name_of(source: Source, split: str, row: int) -> str:
    """Return what an image is called.

    Args:
        source: the data.
        split: of the image.
        row: of the image in it.

    Returns:
        Its path in the folder, where it has one; else such as "test 17".
    """
    ids = source.splits[split].ids
    return f"{split} {row}" if ids is None else str(ids[row])


def some_names(source: Source, rows: Rows, most: int) -> list[str]:
    """Return the names of the first images, split by split.

    Args:
        source: the data.
        rows: of the images.
        most: names.
    """
    every = ((split, int(row)) for split, own in rows.items() for row in own[:most])
    return [name_of(source, split, row) for split, row in every][:most]
