"""Where slices lie in a volume, and which way up they are shown.

Covers: cuts along the body's axes and along those of the array, the axis of the coarsest spacing. Does not cover: the
values of a slice (`reader.py`).

The body's axes are shown as radiologists see them, which is also how scanners store DICOM slices: the patient's right
is on the left of axial and coronal slices, the front is at the top of axial and on the left of sagittal slices, the
head is at the top of the others. An oblique volume is cut along its own axes, each called after the body's axis that is
nearest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastssl.data.reading.options import AUTO
from fastssl.data.reading.samples import UnreadableError

from .volume import Volume

_RIGHT, _FRONT, _HEAD = 0, 1, 2
_WAYS = {
    # axis -> (body's axis, whether it runs towards its name) of the slices, the rows and the columns
    "axial": ((_HEAD, True), (_FRONT, False), (_RIGHT, False)),
    "coronal": ((_FRONT, False), (_HEAD, False), (_RIGHT, False)),
    "sagittal": ((_RIGHT, False), (_HEAD, False), (_FRONT, False)),
}
_SAME = 1.01
"""Spacings within this factor of each other are equal."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How an array becomes slices.

    Args:
        name: "axial", "coronal", "sagittal", or "axis 0" to "axis 2".
        axes: of the array: that of the slices, of their rows, of their columns.
        backwards: for each of these, whether it is gone through from its end.
        spacing: millimetres from one slice, row, column to the next.
    """

    name: str
    axes: tuple[int, int, int]
    backwards: tuple[bool, bool, bool]
    spacing: tuple[float, float, float]

    def slices(self, array: np.ndarray) -> np.ndarray:
        """Return a view of an array `[I, J, K, ...]` as its slices `[N, H, W, ...]`."""
        view = array.transpose(*self.axes, *range(3, array.ndim))
        return view[tuple(slice(None, None, -1 if back else 1) for back in self.backwards)]


def choose_cut(volume: Volume, axis: str) -> Cut:
    """Choose how a volume is cut.

    Args:
        volume: what its file says.
        axis: one of `AXES` of the options. "auto" is the axis of the coarsest spacing; of equal ones axial, then
            coronal. An axis of a single voxel comes first: the volume is one slice.

    Returns:
        The cut.

    Raises:
        UnreadableError: its slices would be lines.
    """
    spacing = spacings(volume.affine)
    if axis.isdigit():
        slices = int(axis)
        rows, columns = (other for other in range(3) if other != slices)
        cut = _cut(f"axis {axis}", ((slices, False), (rows, False), (columns, False)), spacing)
    else:
        ways = _ways_of_body(volume.affine)
        if axis == AUTO:
            axis = _coarsest({name: slices[0] for name, (slices, _, _) in ways.items()}, volume.shape, spacing)
        cut = _cut(axis, ways[axis], spacing)
    height, width = (volume.shape[array_axis] for array_axis in cut.axes[1:])
    if min(height, width) < 2:
        raise UnreadableError(f"cut along {cut.name}, its slices are {width}x{height} voxels; choose another --axis")
    return cut


def spacings(affine: np.ndarray) -> tuple[float, float, float]:
    """Find the millimetres between voxels along each axis of an array.

    Args:
        affine: `[4, 4]`, as of a volume.

    Returns:
        The lengths of its columns; 1 for all where one of them is 0 or no number.
    """
    lengths = np.sqrt((np.asarray(affine, np.float64)[:3, :3] ** 2).sum(axis=0))
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        return (1.0, 1.0, 1.0)
    return (float(lengths[0]), float(lengths[1]), float(lengths[2]))


Ways = tuple[tuple[int, bool], tuple[int, bool], tuple[int, bool]]
"""(axis of the array, backwards) of the slices, the rows and the columns."""


def _ways_of_body(affine: np.ndarray) -> dict[str, Ways]:
    """For each of the body's axes, how the array is gone through."""
    from nibabel.orientations import io_orientation

    matrix = np.asarray(affine, np.float64)
    found = io_orientation(matrix) if np.isfinite(matrix[:3, :3]).all() else np.full((3, 2), np.nan)
    if not np.isfinite(found).all():
        raise UnreadableError("damaged: its header gives two axes one direction, or none; correct its affine")
    array_axis = {int(body): (number, sign > 0) for number, (body, sign) in enumerate(found)}

    def way(body: int, towards: bool) -> tuple[int, bool]:
        axis, ascending = array_axis[body]
        return axis, ascending != towards

    return {name: (way(*slices), way(*rows), way(*columns)) for name, (slices, rows, columns) in _WAYS.items()}


def _coarsest(axes: dict[str, int], shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> str:
    single = [name for name, axis in axes.items() if shape[axis] == 1]
    if len(single) == 1:
        return single[0]
    most = max(spacing)
    return next(name for name, axis in axes.items() if spacing[axis] * _SAME >= most)


def _cut(name: str, ways: Ways, spacing: tuple[float, float, float]) -> Cut:
    (slices, first), (rows, second), (columns, third) = ways
    return Cut(
        name=name,
        axes=(slices, rows, columns),
        backwards=(first, second, third),
        spacing=(spacing[slices], spacing[rows], spacing[columns]),
    )
