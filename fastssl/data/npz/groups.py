"""Whose the images of a `.npz` file are: arrays that name a patient for each image.

Covers: what does not fit. Does not cover: numbers and pseudonyms of patients, and patients in two splits
(`fastssl.data.patients`), keeping patients together (`fastssl.evaluation.shared.partition`).
"""

from __future__ import annotations

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
