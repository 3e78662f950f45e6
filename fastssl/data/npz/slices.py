"""Volumes of a `.npz` file as slices, as the three-dimensional sets of MedMNIST have them.

Covers: the axis, every n-th slice, neighbours as channels, empty slices; labels and groups of the volumes for each
slice. Does not cover: which files hold volumes (`open.py`), volumes in files of their own (`fastssl.data.reading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fastssl.data.reading import ReadingOptions
from fastssl.errors import DataError

_AUTO = "auto"
_EMPTY = 0.005
_BLACK = 0.01


@dataclass(frozen=True, kw_only=True)
class Slices:
    """The slices of all splits.

    Args:
        images: split -> `[M, H, W, C]`, of the type of the volumes, C 3 with neighbours and else 1.
        labels: split -> `[M, ...]`, the label of each slice's volume.
        groups: split -> `[M]` or `[M, 1]`, whose each slice is: as the file says of its volume, else the volume.
        notes: how the volumes were cut, and what was left out.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    groups: dict[str, np.ndarray]
    notes: tuple[str, ...]


def cut_volumes(
    volumes: dict[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    groups: Mapping[str, np.ndarray],
    options: ReadingOptions,
    where: str,
) -> Slices:
    """Cut the volumes of all splits.

    A slice is empty where less than 0.5 % of its pixels are brighter than 1 % of the range of all values, or where all
    are of one value.

    Args:
        volumes: split -> `[N, D, H, W]`; emptied on the way, to save memory.
        labels: split -> a label for each volume; of another length where the labels do not fit.
        groups: split -> whose each volume is, `[N]` or `[N, 1]`.
        options: the axis, 0 by default, every n-th slice, and neighbours.
        where: the file, for errors.

    Returns:
        The slices.

    Raises:
        DataError: an axis of the body is asked for, or all slices of a split are empty.
    """
    if options.axis not in (_AUTO, "0", "1", "2"):
        raise DataError(f"{where}: its volumes do not say where their axes point; give --axis 0, 1 or 2, or auto")
    axis = 0 if options.axis == _AUTO else int(options.axis)
    black = _black(volumes)
    shape = "x".join(map(str, next(iter(volumes.values())).shape[1:]))
    counts = {split: len(array) for split, array in volumes.items()}
    images: dict[str, np.ndarray] = {}
    of_slices: dict[str, np.ndarray] = {}
    whose: dict[str, np.ndarray] = {}
    total = empty = 0
    for split, count in counts.items():
        stacks = np.moveaxis(volumes.pop(split), axis + 1, 1)
        taken = stacks[:, :: options.every]
        kept = _shows_something(taken, black)
        total, empty = total + kept.size, empty + int((~kept).sum())
        if not kept.any():
            raise DataError(f"{where}: every slice of the volumes of {split} is empty")
        rows, places = np.nonzero(kept)
        images[split] = _images(stacks, rows, places * options.every, neighbours=options.neighbours)
        if split in labels:
            fits = len(labels[split]) == count
            of_slices[split] = labels[split][rows] if fits else labels[split]
        names = groups[split] if groups else np.char.add(f"{split} ", np.arange(count).astype(str))
        whose[split] = names[rows]
    said = f"{sum(counts.values())} volumes of {shape} are cut along axis {axis} into {total} slices"
    left_out = f"; {empty} of them are empty and left out" if empty else ""
    return Slices(images=images, labels=of_slices, groups=whose, notes=(f"{said}{left_out}",))


def _black(volumes: Mapping[str, np.ndarray]) -> float:
    """The value up to which a pixel counts as black."""
    lowest = min(float(np.nanmin(array)) for array in volumes.values())
    highest = max(float(np.nanmax(array)) for array in volumes.values())
    return lowest + _BLACK * (highest - lowest)


def _shows_something(stacks: np.ndarray, black: float) -> np.ndarray:
    """Bool `[N, D]`: which slices of `[N, D, H, W]` are not empty."""
    kept = np.empty(stacks.shape[:2], bool)
    for row, slices in enumerate(stacks):  # a volume at a time, to save memory
        flat = slices.reshape(len(slices), -1)
        bright = (flat > black).sum(axis=1) >= _EMPTY * flat.shape[1]
        kept[row] = bright & (flat != flat[:, :1]).any(axis=1)
    return kept


def _images(stacks: np.ndarray, rows: np.ndarray, places: np.ndarray, *, neighbours: bool) -> np.ndarray:
    """`[M, H, W, C]`: slices of `[N, D, H, W]`; the first and the last of a volume are their own neighbours."""
    steps = (-1, 0, 1) if neighbours else (0,)
    images = np.empty((len(rows), *stacks.shape[2:], len(steps)), stacks.dtype)
    for channel, step in enumerate(steps):
        images[..., channel] = stacks[rows, np.clip(places + step, 0, stacks.shape[1] - 1)]
    return images
