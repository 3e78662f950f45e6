"""Where the axes of an NRRD file point, by its header.

Covers: kinds, directions and spaces (Kindlmann, "Definition of NRRD file format", sections 5 to 7). Does not cover:
reading (`nrrd.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastssl.data.reading.samples import UnreadableError

from .volume import affine_of, left_back_up

Direction = np.ndarray | None
"""The step from one voxel to the next along an axis, in the space of the header; None where it is not in space."""

_IN_SPACE = ("domain", "space")
_NOT_SAMPLES = ("time", "list")
_TO_RAS = {
    **{"left": (0, -1.0), "right": (0, 1.0), "posterior": (1, -1.0), "anterior": (1, 1.0)},
    **{"inferior": (2, -1.0), "superior": (2, 1.0)},
}
_SHORT_SPACES = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}


def directions_of(header: Mapping[str, Any], dimension: int) -> list[Direction]:
    """Read the direction of each axis.

    Args:
        header: as pynrrd reads it.
        dimension: how many axes there are.

    Returns:
        A direction for each axis.

    Raises:
        UnreadableError: their number differs.
    """
    given = header.get("space directions")
    if given is None:
        return [None] * dimension
    if len(given) != dimension:
        raise UnreadableError(f"damaged: its header says {dimension} axes and {len(given)} directions")
    return [None if one is None or np.isnan(one).any() else np.asarray(one, np.float64) for one in given]


def kinds_of_axes(header: Mapping[str, Any], directions: Sequence[Direction]) -> tuple[tuple[int, ...], int | None]:
    """Find which axes are in space.

    Args:
        header: as pynrrd reads it.
        directions: of the axes.

    Returns:
        The axes in space, three at most; and the one of a voxel's several values, or None.
    """
    every = range(len(directions))
    kinds = [str(kind).lower() for kind in header.get("kinds", ())]
    kinds += ["???"] * (len(directions) - len(kinds))
    in_space = [axis for axis in every if directions[axis] is not None]
    in_space = in_space or [axis for axis in every if kinds[axis] in _IN_SPACE] or list(every)
    samples = [axis for axis in every if axis not in in_space and kinds[axis] not in _NOT_SAMPLES]
    return tuple(in_space[:3]), samples[0] if len(samples) == 1 else None


def affine_of_axes(
    header: Mapping[str, Any], in_space: Sequence[int], directions: Sequence[Direction]
) -> tuple[np.ndarray, bool]:
    """Make the affine of the axes in space.

    Args:
        header: as pynrrd reads it.
        in_space: those axes.
        directions: of all axes.

    Returns:
        `[4, 4]` towards RAS+; and whether the header says so. Where it names no space of a body, the axes go left, back
        and up, as in ITK, with the header's spacing.
    """
    space = str(header.get("space", "")).lower().removesuffix("-time")
    letters = _SHORT_SPACES.get(space, space).split("-")
    steps = [step for axis in in_space if (step := directions[axis]) is not None]
    if len(steps) == len(in_space) and {_TO_RAS.get(word, (3, 0))[0] for word in letters} == {0, 1, 2}:
        to_ras = np.zeros((3, 3))
        for component, word in enumerate(letters):
            body, sign = _TO_RAS[word]
            to_ras[body, component] = sign
        return affine_of([to_ras @ step[:3] for step in steps]), True
    if steps:
        return left_back_up([float(np.linalg.norm(step)) for step in steps]), False
    given = header.get("spacings", [1.0] * len(directions))
    return left_back_up([float(given[axis]) if given[axis] > 0 else 1.0 for axis in in_space]), False
