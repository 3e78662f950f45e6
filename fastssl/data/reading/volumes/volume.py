"""What a format's reader hands on: one volume as its file has it, and where its axes point.

Covers: the record that every format fills. Does not cover: reading a format (`nifti.py` and others), slices
(`reader.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from fastssl.data.reading.samples import UnreadableError


@dataclass(frozen=True, kw_only=True)
class Volume:
    """One volume of a file, not yet decoded.

    Args:
        shape: voxels along the three axes of the array, as the usual reader of its format gives them.
        dtype: of the stored values.
        affine: `[4, 4]` float64, from the indices of a voxel to millimetres towards the patient's right, front and head
            (RAS+), as in NIfTI.
        colour: voxels are red, green and blue.
        slope: a value is slope * stored + intercept.
        intercept: likewise.
        notes: what was left out or taken for something, a short clause each.
        load: reads the stored values, `[I, J, K]`, or `[I, J, K, 3]` of colours, in one array that is not copied.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    affine: np.ndarray
    colour: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    notes: tuple[str, ...] = ()
    load: Callable[[], np.ndarray]


def three_axes(shape: tuple[int, ...]) -> tuple[tuple[int, int, int], int]:
    """Take the first three axes of an array as those in space.

    Args:
        shape: of the array, of one axis or more.

    Returns:
        Their voxels, 1 for an axis that is not there; and how many volumes the further axes hold.

    Raises:
        UnreadableError: an axis is below 1, or there is one of them alone.
    """
    if len(shape) < 2 or min(shape) < 1:
        raise UnreadableError(f"its header says {'x'.join(map(str, shape)) or 'no'} voxels, which are no images")
    first, second, *rest = (int(length) for length in shape)
    return (first, second, rest[0] if rest else 1), prod(rest[1:])


def affine_of(directions: Sequence[np.ndarray]) -> np.ndarray:
    """Make the affine of two or three axes.

    Args:
        directions: for each axis of the array, the step from one voxel to the next, `[3]` in millimetres, RAS+.

    Returns:
        `[4, 4]` float64 without an origin; a third axis that is not there is at right angles to the two, of 1 mm.
    """
    columns = [np.asarray(direction, np.float64) for direction in directions[:3]]
    if len(columns) == 2:
        third = np.cross(columns[0], columns[1])
        length = float(np.linalg.norm(third))
        columns.append(third / length if length > 0 else third)
    affine = np.eye(4)
    affine[:3, :3] = np.stack(columns, axis=1)
    return affine


def left_back_up(spacing: Sequence[float]) -> np.ndarray:
    """Make the affine of axes of which nothing is known but their spacing: left, back and up (LPS+), as in ITK.

    Args:
        spacing: of each axis.

    Returns:
        `[4, 4]` float64.
    """
    return affine_of([step * axis for step, axis in zip(spacing, np.diag([-1.0, -1.0, 1.0]), strict=False)])


def first_of(volumes: int) -> tuple[str, ...]:
    """Say that one of several volumes is taken.

    Args:
        volumes: how many the file holds.

    Returns:
        No note, or one.
    """
    return ("several volumes in one file, such as points in time; the first is taken",) if volumes > 1 else ()
