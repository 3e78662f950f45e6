"""Whose the images of a `.npz` file are: arrays that name a patient for each image.

Covers: whole numbers and text, numbered over all splits; what does not fit; patients in two splits. Does not cover:
keeping patients together (`fastssl.evaluation.shared.partition`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from fastssl.errors import DataError

from .archive import StoredArray

_KINDS = "iuSU"


def check_groups(stored: StoredArray, images: int, where: str) -> None:
    """Refuse an array that does not name one patient for each image.

    Args:
        stored: the array.
        images: of its split.
        where: the file, for the error's first words.

    Raises:
        DataError: it has another type or shape.
    """
    if stored.dtype.hasobject or stored.dtype.kind not in _KINDS:
        kind = "Python objects (pickled)" if stored.dtype.hasobject else str(stored.dtype)
        raise DataError(f"{where}: {stored.name} are {kind}; save whole numbers or text, one for each image's patient")
    if stored.shape not in ((images,), (images, 1)):
        raise DataError(
            f"{where}: {stored.name} have shape {list(stored.shape)} and there are {images} images; save one number or "
            "name for each image"
        )


def number_groups(saved: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give patients their numbers, equal names one number in all splits.

    Args:
        saved: split -> names `[N]` or `[N, 1]`, as `check_groups` lets them pass.

    Returns:
        Split -> int64 `[N]`.
    """
    if not saved:
        return {}
    names = {split: _as_text(array.reshape(-1)) for split, array in saved.items()}
    numbers = np.unique(np.concatenate(list(names.values())), return_inverse=True)[1].reshape(-1)
    ends = np.cumsum([len(own) for own in names.values()])[:-1]
    return dict(zip(names, np.split(numbers.astype(np.int64), ends), strict=True))


def shared_patients(groups: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Return a line for every two splits that have images of the same patients.

    Args:
        groups: as `number_groups` returns them.
    """
    lines = []
    for first, second in combinations(groups, 2):
        common = len(np.intersect1d(groups[first], groups[second]))
        if common:
            patients = "1 patient has" if common == 1 else f"{common} patients have"
            lines.append(f"warning: {patients} images in {first} and in {second}: scores there may be too good")
    return tuple(lines)


def _as_text(names: np.ndarray) -> np.ndarray:
    return np.char.decode(names, "utf-8", "replace") if names.dtype.kind == "S" else names.astype(str)
