"""What the twelve two-dimensional MedMNIST sets are, by flag.

Covers: task, classes and modality from the `medmnist` package's INFO table. Does not cover: files (`medmnist_sets.py`),
nor the three-dimensional sets.

`import medmnist` takes seconds, since it loads torch, pandas and scikit-image; its table is one plain module, which is
loaded here by itself.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastssl.errors import DataError

from .source import Task

SIZES = (28, 64, 128, 224)


@dataclass(frozen=True)
class MedMNISTSet:
    """One set as `medmnist` describes it."""

    flag: str
    task: Task
    class_names: tuple[str, ...]
    modality: str


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


FLAGS = tuple(_MODALITY)


def describe(flag: str) -> MedMNISTSet:
    """Look up one of `FLAGS`."""
    info = table()[flag]
    names = tuple(info["label"][key] for key in sorted(info["label"], key=int))
    return MedMNISTSet(flag=flag, task=info["task"], class_names=names, modality=_MODALITY[flag])


def set_of_file(stem: str) -> MedMNISTSet | None:
    """The set that a file called `stem`.npz holds by its name ("breastmnist", "breastmnist_64"), or None."""
    flag, _, size = stem.partition("_")
    named_after_set = flag in FLAGS and (not size or size in map(str, SIZES))
    return describe(flag) if named_after_set else None


@cache
def table() -> dict[str, dict[str, Any]]:
    """medmnist's INFO. Raises DataError where the package is missing or too old."""
    found = importlib.util.find_spec("medmnist")
    if found is None or found.origin is None:
        raise DataError("MedMNIST sets need the medmnist package: pip install medmnist")
    spec = importlib.util.spec_from_file_location("_medmnist_info", Path(found.origin).with_name("info.py"))
    if spec is None or spec.loader is None:
        raise DataError("the installed medmnist package has no info.py; install medmnist 3 or later")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.INFO
