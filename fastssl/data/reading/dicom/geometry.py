"""Where a slice lies in its series, and in which order the frames of a file lie.

Covers: the position along the normal of the slice (PS3.3 C.7.6.2.1.1), and what stands in for it. Does not cover: the
order of the files of a series (`fastssl.data.packing`), distances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul

from pydicom.dataset import Dataset

from .elements import items, numbers


def slice_position(header: Dataset) -> float:
    """Find where an image lies in its series.

    Args:
        header: of its file.

    Returns:
        Its position along the normal of its plane in millimetres; else its slice location; else its number.
    """
    position = along_normal(numbers(header, "ImagePositionPatient"), numbers(header, "ImageOrientationPatient"))
    if position is not None:
        return position
    for keyword in ("SliceLocation", "InstanceNumber"):
        if found := numbers(header, keyword):
            return found[0]
    return 0.0


def along_normal(position: tuple[float, ...], orientation: tuple[float, ...]) -> float | None:
    """Project a position onto the normal of a plane.

    Args:
        position: of the first pixel, in millimetres.
        orientation: the directions of rows and columns, six numbers.

    Returns:
        Millimetres; None where they are not three and six numbers, or the directions are parallel.
    """
    if len(position) != 3 or len(orientation) != 6:
        return None
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.hypot(*normal)
    return math.fsum(map(mul, normal, position)) / length if length > 1e-6 else None


def frame_order(header: Dataset, frames: int) -> Sequence[int]:
    """Order the frames of a file along the normal of its planes.

    Args:
        header: of the file.
        frames: that it has.

    Returns:
        Numbers of the frames; as the file has them, unless each says a position and no two say the same. A film, whose
        frames are at one place, keeps its order in time.
    """
    as_stored = range(frames)
    own = items(header, "PerFrameFunctionalGroupsSequence")
    if len(own) != frames or frames < 2:
        return as_stored
    shared = next(iter(items(header, "SharedFunctionalGroupsSequence")), Dataset())
    places = [along_normal(*_plane(frame, shared)) for frame in own]
    if None in places or len({round(place, 3) for place in places if place is not None}) < frames:
        return as_stored
    return sorted(as_stored, key=lambda index: (places[index], index))


def _plane(frame: Dataset, shared: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = []
    for sequence, keyword in (
        ("PlanePositionSequence", "ImagePositionPatient"),
        ("PlaneOrientationSequence", "ImageOrientationPatient"),
    ):
        inside = [*items(frame, sequence), *items(shared, sequence)]
        found.append(numbers(inside[0], keyword) if inside else ())
    return found[0], found[1]
