"""Features and facts about images as an `.npz` file, which NumPy reads without pickle.

Covers: arrays that are written one after the other, of features a part at a time. Does not cover: where features come
from (`parts.py`).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from .rows import UNKNOWN, ImageRows, label_width

NOT_KNOWN = ""
"""The patient of an image of which it is not known."""


def write_npz(
    path: Path,
    parts: Iterable[tuple[ImageRows, np.ndarray]],
    rows: Mapping[str, ImageRows],
    width: int,
    dtype: np.dtype,
    about: Mapping[str, Any],
) -> None:
    """Write an `.npz` file: features, ids, split, and labels and patient where there are any; about as JSON.

    Args:
        path: of the file.
        parts: facts and features `[n, D]`, in order.
        rows: by split, all that the parts are of.
        width: D.
        dtype: of the features.
        about: facts about all rows, kept as JSON in an array of one text.

    Raises:
        OSError: it cannot be written.
    """
    count = sum(map(len, rows.values()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with _entry(archive, "features") as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count, width)}
            np.lib.format.write_array_header_1_0(file, header)
            for _, features in parts:
                file.write(np.ascontiguousarray(features).tobytes())
        for name, array in _arrays(rows).items():
            _write(archive, name, array)
        _write(archive, "about", np.array(json.dumps(about)))


def _arrays(rows: Mapping[str, ImageRows]) -> dict[str, np.ndarray]:
    found = {
        "ids": np.array([one for own in rows.values() for one in own.ids]),
        "split": np.array([own.split for own in rows.values() for _ in range(len(own))]),
    }
    width = label_width(rows)
    if width is not None:
        shape = (width,) if width else ()
        none = {name: np.full((len(own), *shape), UNKNOWN, np.int64) for name, own in rows.items()}
        known = [none[name] if own.labels is None else own.labels for name, own in rows.items()]
        found["labels"] = np.concatenate(known).astype(np.int64)
    if any(own.patients is not None for own in rows.values()):
        found["patient"] = np.array([one for own in rows.values() for one in own.patients or [NOT_KNOWN] * len(own)])
    return found


def _write(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with _entry(archive, name) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """An array's file in the archive, with the same date in every archive, so that equal ones have equal bytes."""
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)
