"""The twelve two-dimensional MedMNIST sets, by flag and size.

Covers: what each set is (from the `medmnist` package's INFO table), finding its file, or fetching it. Does not cover:
reading the file (`npz.py`), nor the three-dimensional sets.

`import medmnist` takes seconds, since it loads torch, pandas and scikit-image; its table is one plain module, which is
loaded here by itself.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastssl.errors import DataError

from .source import Source, Task

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
    info = _table()[flag]
    names = tuple(info["label"][key] for key in sorted(info["label"], key=int))
    return MedMNISTSet(flag=flag, task=info["task"], class_names=names, modality=_MODALITY[flag])


def set_of_file(stem: str) -> MedMNISTSet | None:
    """The set that a file called `stem`.npz holds by its name ("breastmnist", "breastmnist_64"), or None."""
    flag, _, size = stem.partition("_")
    named_after_set = flag in FLAGS and (not size or size in map(str, SIZES))
    return describe(flag) if named_after_set else None


def open_medmnist(
    flag: str, root: Path | None = None, size: int | None = None, notify: Callable[[str], None] | None = None
) -> Source:
    """Open a MedMNIST set at 28, 64, 128 or 224 px (28 by default).

    Looks for `{flag}.npz` (`{flag}_{size}.npz` above 28 px) in `root`, by default medmnist's own folder, and downloads
    it there where it is missing. Raises DataError, naming the file, its URL and the folder, if it cannot be fetched.
    """
    from .download import download
    from .npz import open_npz

    size = SIZES[0] if size is None else size
    if size not in SIZES:
        raise DataError(f"{flag} comes at 28, 64, 128 and 224 px, not size={size}; choose one of these")
    suffix = "" if size == SIZES[0] else f"_{size}"
    folder = root if root is not None else Path.home() / ".medmnist"
    path = folder / f"{flag}{suffix}.npz"
    if not path.is_file():
        info = _table()[flag]
        download(info[f"url{suffix}"], path, md5=info[f"MD5{suffix}"], notify=notify)
    return open_npz(path, size, notify)


@cache
def _table() -> dict[str, dict[str, Any]]:
    found = importlib.util.find_spec("medmnist")
    if found is None or found.origin is None:
        raise DataError("MedMNIST sets need the medmnist package: pip install medmnist")
    spec = importlib.util.spec_from_file_location("_medmnist_info", Path(found.origin).with_name("info.py"))
    if spec is None or spec.loader is None:
        raise DataError("the installed medmnist package has no info.py; install medmnist 3 or later")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.INFO
