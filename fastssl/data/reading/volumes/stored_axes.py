"""Which axes of a stored array are in space, and what the others are.

Covers: samples of a voxel, as of colours, before or behind the axes in space; points in time. Does not cover: what a
format's header says (`nrrd.py`, `metaimage.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from .volume import first_of, three_axes

COMPONENTS = "several values for each voxel; the first is taken"
TRANSPARENT = "opacity of the voxels, which is left out"


@dataclass(frozen=True, kw_only=True)
class StoredAxes:
    """The axes of an array whose first one varies fastest.

    Args:
        sizes: of all axes.
        dtype: of the values.
        in_space: those in space, in order, three at most.
        samples: the one of a voxel's several values; None where there is none.
    """

    sizes: tuple[int, ...]
    dtype: np.dtype
    in_space: tuple[int, ...]
    samples: int | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The voxels along the axes in space."""
        return three_axes(tuple(self.sizes[axis] for axis in self.in_space))[0]

    @property
    def colour(self) -> bool:
        """Whether a voxel is red, green, blue and perhaps opacity."""
        return self.samples is not None and self.dtype == np.uint8 and self.sizes[self.samples] in (3, 4)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out."""
        samples = 1 if self.samples is None else self.sizes[self.samples]
        volumes = prod(self.sizes) // max(1, prod(self.shape) * samples)
        if self.colour:
            return (*((TRANSPARENT,) if samples == 4 else ()), *first_of(volumes))
        return (*((COMPONENTS,) if samples > 1 else ()), *first_of(volumes))

    @property
    def needed(self) -> tuple[int, ...]:
        """The sizes of what has to be read: further volumes lie behind the first one."""
        last = max((*self.in_space, -1 if self.samples is None else self.samples))
        return self.sizes[: last + 1]

    def volume(self, array: np.ndarray) -> np.ndarray:
        """Return the first volume of an array.

        Args:
            array: of `sizes`, or of `needed`.

        Returns:
            `[I, J, K]`, in memory of its own where its voxels have several values; or `[I, J, K, 3]` of colours.
        """
        kept = [axis for axis in self.in_space if axis < array.ndim]
        if self.colour and self.samples is not None:
            kept.append(self.samples)
        others = [axis for axis in range(array.ndim) if axis not in kept]
        first = array.transpose(*others, *kept)[(0,) * len(others)]
        if self.colour:
            return first.reshape(*self.shape, -1)[..., :3]
        return np.asfortranarray(first).reshape(self.shape, order="F")
