"""What the twelve two-dimensional and the six three-dimensional MedMNIST sets are, by flag.

Covers: task, classes and modality from the `medmnist` package's INFO table. Does not cover: files
(`named/medmnist_sets.py`).

`import medmnist` takes seconds, since it loads torch, pandas and scikit-image; its table is one plain module, which is
loaded here alone.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastssl.data.source import Task
from fastssl.errors import DataError

SIZES = (28, 64, 128, 224)
"""Sides of the images that each two-dimensional set is published at, in pixels."""
SIZES_3D = (28, 64)
"""Sides of the volumes that each three-dimensional set is published at, in voxels."""


@dataclass(frozen=True, kw_only=True)
class MedMNISTSet:
    """One set as `medmnist` describes it.

    Args:
        flag: its name in lower case, such as "pneumoniamnist".
        task: in medmnist's words.
        class_names: by class index.
        modality: of the images.
        volumes: it is three-dimensional.
    """

    flag: str
    task: Task
    class_names: tuple[str, ...]
    modality: str
    volumes: bool = False


_MODALITY = {
    "pathmnist": "histology",
    "chestmnist": "chest X-ray",
    "dermamnist": "dermoscopy",
    "octmnist": "retinal OCT",
    "pneumoniamnist": "chest X-ray",
    "retinamnist": "fundus photography",
    "breastmnist": "breast ultrasound",
    "bloodmnist": "blood-cell microscopy",
    "tissuemnist": "kidney-cortex microscopy",
    "organamnist": "abdominal CT",
    "organcmnist": "abdominal CT",
    "organsmnist": "abdominal CT",
}

_MODALITY_3D = {
    "organmnist3d": "abdominal CT",
    "nodulemnist3d": "chest CT",
    "adrenalmnist3d": "shapes from abdominal CT",
    "fracturemnist3d": "chest CT",
    "vesselmnist3d": "shapes from brain MRA",
    "synapsemnist3d": "electron microscopy",
}

FLAGS = tuple(_MODALITY)
"""The flags of the twelve two-dimensional sets."""
FLAGS_3D = tuple(_MODALITY_3D)
"""The flags of the six three-dimensional sets."""
ALL_FLAGS = (*FLAGS, *FLAGS_3D)


def describe(flag: str) -> MedMNISTSet:
    """Look up a set.

    Args:
        flag: one of `ALL_FLAGS`.

    Returns:
        What medmnist says of it, and its modality.

    Raises:
        DataError: the package medmnist is missing or too old.
    """
    info = table()[flag]
    names = tuple(info["label"][key] for key in sorted(info["label"], key=int))
    modality = (_MODALITY | _MODALITY_3D)[flag]
    return MedMNISTSet(flag=flag, task=info["task"], class_names=names, modality=modality, volumes=flag in FLAGS_3D)


def sizes_of(flag: str) -> tuple[int, ...]:
    """Return the sides that a set is published at, in pixels.

    Args:
        flag: one of `ALL_FLAGS`.
    """
    return SIZES_3D if flag in FLAGS_3D else SIZES


def official_counts(flag: str) -> tuple[int, int, int]:
    """Look up how many images the official splits have, the same at every size.

    Args:
        flag: one of `FLAGS`.

    Returns:
        Images in train, val and test.

    Raises:
        DataError: the package medmnist is missing or too old.
    """
    counts = table()[flag]["n_samples"]
    return counts["train"], counts["val"], counts["test"]


def size_of_file(stem: str) -> int:
    """Find the side of the images, in pixels, that a set's file is named after.

    Args:
        stem: the file's name without ".npz", such as "breastmnist" (28) or "breastmnist_64".
    """
    return int(stem.partition("_")[2] or SIZES[0])


def file_of_set(flag: str, size: int) -> str:
    """Return the name of a set's file at a size, such as "breastmnist_64.npz".

    Args:
        flag: one of `ALL_FLAGS`.
        size: one of `sizes_of(flag)`.
    """
    return f"{flag}.npz" if size == SIZES[0] else f"{flag}_{size}.npz"


def set_of_file(stem: str) -> MedMNISTSet | None:
    """Find the set that a file is named after.

    Args:
        stem: the file's name without ".npz", such as "breastmnist" or "breastmnist_64".

    Returns:
        None for any other name.

    Raises:
        DataError: it is a set's, and the package medmnist is missing or too old.
    """
    flag, _, size = stem.partition("_")
    named_after_set = flag in ALL_FLAGS and (not size or size in map(str, sizes_of(flag)))
    return describe(flag) if named_after_set else None


@cache
def table() -> dict[str, dict[str, Any]]:
    """Load the table INFO of the package medmnist.

    Returns:
        Flag -> task, labels, and the URL and MD5 checksum of the file at each size.

    Raises:
        DataError: the package is missing or too old.
    """
    found = importlib.util.find_spec("medmnist")
    if found is None or found.origin is None:
        raise DataError("MedMNIST sets need the medmnist package: pip install medmnist")
    spec = importlib.util.spec_from_file_location("_medmnist_info", Path(found.origin).with_name("info.py"))
    if spec is None or spec.loader is None:
        raise DataError("the installed medmnist package has no info.py; install medmnist 3 or later")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.INFO
