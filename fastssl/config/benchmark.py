"""Settings of `fastssl benchmark`.

Covers: names, types, ranges. Does not cover: which files are on the disk
(`fastssl.evaluation.medmnist_plus.data_sets`), the protocol (`fastssl.evaluation.medmnist_plus`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field

from .base import DATA, EVALUATION, RUN, SEVERAL, SPEED, AutoSwitch, Count, ListOf, split_list, subset_of
from .baselines import Baselines
from .data import DeviceConfig
from .paths import PathSetting

PUBLISHED_SEEDS = (9930641, 115149041, 252139603)
"""Of the linear rows of Doerrich et al., Scientific Reports 2025."""

Side = Literal[28, 64, 128, 224]
Classifier = Literal["knn", "linear"]


def _all_for_auto(value: Any) -> Any:
    """Nothing for the word "auto", which stands for everything there is."""
    return () if split_list(value) == ["auto"] else value


def _numbers(value: Any) -> Any:
    """Words that are whole numbers as numbers; the choices of a Literal are compared as they are."""
    items = split_list(value)
    if not isinstance(items, list):
        return value
    return [int(item) if isinstance(item, str) and item.isdecimal() else item for item in items]


def _flags_and_files(value: Any) -> Any:
    """Split as any list, but for a file, whose name may hold commas and spaces."""
    if value is None or isinstance(value, Mapping):
        return value
    items = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    texts = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in items]
    if any(isinstance(text, str) and not text.strip() for text in texts):
        raise ValueError("give MedMNIST flags, .npz files of theirs, or auto")
    return [part for text in texts for part in ([text] if _is_one_file(text) else split_list(text))]


def _is_one_file(text: Any) -> bool:
    return isinstance(text, str) and text.endswith(".npz") and text.count(".npz") == 1


def _once(values: Any) -> Any:
    return tuple(dict.fromkeys(values)) if isinstance(values, (list, tuple)) else values


AllForAuto = BeforeValidator(_all_for_auto)


class BenchmarkConfig(DeviceConfig):
    """Settings of `fastssl benchmark NAME RUN ...` and `fastssl.benchmark(name, runs, ...)`."""

    data_root: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """Folder of MedMNIST files (auto: the first run's, else ~/.medmnist)."""
    flags: Annotated[
        tuple[str, ...], BeforeValidator(_flags_and_files), AllForAuto, SEVERAL, Parameter(group=DATA)
    ] = ()
    """MedMNIST flags, or .npz files of theirs (auto: all that are on the disk)."""
    sizes: Annotated[ListOf[Side], BeforeValidator(_numbers), AllForAuto, Parameter(group=DATA)] = ()
    """Sides of the images in pixels, of 28 64 128 224 (auto: all that are on the disk)."""
    download: Annotated[bool, Parameter(group=DATA, negative="", show_default=False)] = False
    """Fetch what is missing: the flags at the sizes that are both named, and weights."""

    baseline: Baselines = ()
    """Encoders to compare with: timm:NAME, or timm:NAME=FILE of weights."""
    classifiers: Annotated[ListOf[Classifier], subset_of("knn", "linear"), Parameter(group=EVALUATION)] = (
        "knn",
        "linear",
    )
    """Classifiers on the features."""
    seeds: Annotated[
        ListOf[Annotated[int, Field(ge=0, lt=2**32)]],
        BeforeValidator(lambda value: _once(split_list(value))),
        Field(min_length=1),
        Parameter(group=EVALUATION),
    ] = PUBLISHED_SEEDS
    """Seeds of the linear classifiers."""
    fit: Annotated[Literal["resize", "pad"], Parameter(group=EVALUATION)] = "resize"
    """How runs see images of other sizes than their own; baselines see padded ones."""

    amp: Annotated[AutoSwitch, Parameter(group=SPEED)] = False
    """Use mixed precision for features; the published ones are fp32."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 64
    """Images per step while features are extracted."""

    quiet: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Do not print what was read."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Folder of report/ (auto: the first run's, else runs/medmnist-plus)."""
