"""Images that are probably inverted: black where the others are white.

Covers: finding them by what all images of a set have in common. Does not cover: DICOM's MONOCHROME1, which is read the
right way round (`fastssl.data.reading`); inverting anything.

Each image's 8 x 8 means, without their mean and of unit length, are compared with their first principal component (not
centred, so that the sign of an image does not change it): an inverted image has a negative correlation with it. Where
images have little in common, as with photographs of anything, nothing can be said, and nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CELLS = 8
INVERTED = -0.5
"""Correlation at and below which an image is probably inverted."""
ALIKE = 0.5
"""Median correlation, whatever its sign, of a set whose images have enough in common."""
UNDECIDED = 0.3
MOST_UNDECIDED = 0.07
"""Share of the images that may have a correlation between -`UNDECIDED` and `UNDECIDED`."""
FEWEST = 10
"""Images from which on a set is judged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Polarity:
    """How the images of a set are turned, black to white.

    Attributes:
        judged: the images have enough in common.
        alike: median correlation of an image with what they have in common, whatever its sign, 0 to 1.
        inverted: int64, the rows that are probably inverted; always the smaller part.
    """

    judged: bool
    alike: float
    inverted: np.ndarray


def find_inverted(thumbnails: np.ndarray) -> Polarity:
    """Find images that are probably inverted against the others.

    Args:
        thumbnails: uint8 `[N, 32, 32]`, grey.

    Returns:
        Which ones, and whether the set could be judged at all.
    """
    none = np.empty(0, np.int64)
    cells = _cells(thumbnails)
    if len(cells) < FEWEST:
        return Polarity(judged=False, alike=0.0, inverted=none)
    common = np.linalg.eigh(cells.T @ cells)[1][:, -1]
    correlation = cells @ common
    correlation *= -1.0 if np.mean(correlation < 0) > 0.5 else 1.0
    alike = float(np.median(np.abs(correlation)))
    judged = alike >= ALIKE and float(np.mean(np.abs(correlation) < UNDECIDED)) <= MOST_UNDECIDED
    return Polarity(judged=judged, alike=alike, inverted=np.flatnonzero(correlation <= INVERTED) if judged else none)


def _cells(thumbnails: np.ndarray) -> np.ndarray:
    """The 64 means of each image that is not flat, without their mean, of unit length; 0 where it is flat."""
    count, side = thumbnails.shape[:2]
    block = side // CELLS
    means = (
        thumbnails.reshape(count, CELLS, block, CELLS, block)
        .mean(axis=(2, 4), dtype=np.float32)
        .reshape(count, CELLS**2)
    )
    means -= means.mean(axis=1, keepdims=True)
    length = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(means / np.maximum(length, np.float32(1e-6)))
