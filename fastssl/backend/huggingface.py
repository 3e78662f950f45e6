"""Hugging Face: `datasets` as a source of images, an encoder as a model of timm's hub format.

Covers: data sets in memory or on disk and streams, with an image or array column, by split; a folder of shards or a
source made of them; an encoder in a local folder or on the hub. Does not cover: finding and downloading data sets,
which `datasets.load_dataset` does, other models (`fastssl.models.timm_call` writes how timm builds them).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastssl.backend.samples import source_in_memory
from fastssl.data import Source
from fastssl.data.reading import read_image_bytes, read_image_file
from fastssl.data.shards import write_shards
from fastssl.errors import DataError

_SPLITS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "test": "test"}
"""Names of splits on the hub -> ours."""
_ARRAYS = ("Array2D", "Array3D")

HubDataset = Any
"""`datasets.Dataset`, `IterableDataset`, `DatasetDict` or `IterableDatasetDict`."""


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Which columns are read, and what the features say of them."""

    image: str
    label: str | None
    image_feature: Any
    label_feature: Any

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of a ClassLabel, or of a list of them; otherwise none."""
        classes = getattr(self.label_feature, "feature", self.label_feature)
        return tuple(getattr(classes, "names", None) or ())


def write_dataset(
    folder: str | os.PathLike[str],
    dataset: HubDataset,
    *,
    image: str | None = None,
    label: str | None = None,
    size: int | None = None,
    value_range: str | None = None,
    modality: str = "unknown",
    max_megapixels: int = 200,
) -> Path:
    """Write a data set of `datasets` as a folder of shards, which `--data` opens; a few MiB are in memory at a time.

    Args:
        folder: to make; it must not exist.
        dataset: a `Dataset` or `IterableDataset`, which becomes the split "train", or a `DatasetDict` or
            `IterableDatasetDict` with "train" and perhaps "validation" and "test". Its format is not applied.
        image: the column of images (`Image`, or `Array2D` or `Array3D` with channels last); None: the only such one.
        label: the column of labels: `ClassLabel`, a list of them (several labels per image), numbers or text; None: the
            only `ClassLabel` column if there is one; "": no labels.
        size: side of the square that each image is resized to, in pixels; None: they are squares of one size already.
        value_range: the values that become black and white, "LOW,HIGH", or "full" for those of the type; None: uint8
            images as they are; for others it must be given.
        modality: of the images, such as "chest X-ray".
        max_megapixels: size of the largest image that is read.

    Returns:
        The folder.

    Raises:
        DataError: a column is missing, the folder exists or cannot be written, or an image or a label cannot be used.
            No folder is left then.
    """
    parts = _by_split(dataset)
    columns = _columns(parts["train"], image, label)
    return write_shards(
        folder,
        {split: _Samples(part, columns, split, max_megapixels) for split, part in parts.items()},
        size=size,
        value_range=value_range,
        class_names=columns.class_names,
        modality=modality,
    )


def dataset_source(
    dataset: HubDataset,
    *,
    image: str | None = None,
    label: str | None = None,
    size: int | None = None,
    value_range: str | None = None,
    modality: str = "unknown",
    max_megapixels: int = 200,
) -> Source:
    """Read a data set of `datasets` into memory, as `open_run` takes it.

    Args:
        dataset: as `write_dataset` takes it; a stream is read to its end.
        image: the column of images; None: the only one.
        label: the column of labels; None: the only `ClassLabel` column if there is one; "": no labels.
        size: side of the square that each image is resized to, in pixels; None: they are squares of one size already.
        value_range: the values that become black and white; None: uint8 images as they are.
        modality: of the images, such as "chest X-ray".
        max_megapixels: size of the largest image that is read.

    Returns:
        The source: images `[N, S, S, C]` uint8 or uint16 by split, labels where there are any.

    Raises:
        DataError: a column is missing, or an image or a label cannot be used.
    """

    def write(folder: Path) -> None:
        write_dataset(
            folder,
            dataset,
            image=image,
            label=label,
            size=size,
            value_range=value_range,
            modality=modality,
            max_megapixels=max_megapixels,
        )

    return source_in_memory(write, "datasets")


class _Samples:
    """The (image, label) pairs of a split, in its order."""

    def __init__(self, part: Any, columns: _Columns, split: str, max_megapixels: int) -> None:
        self._columns, self._split, self._max_megapixels = columns, split, max_megapixels
        _check_columns(part, columns, split)
        self._rows = _undecoded(part, columns)

    def __iter__(self) -> Iterator[Any]:
        columns = self._columns
        for number, row in enumerate(self._rows):
            pixels = self._pixels(row[columns.image], f"{self._split}: image {number}")
            yield pixels if columns.label is None else (pixels, self._label(row[columns.label]))

    def _pixels(self, value: Any, where: str) -> Any:
        feature = self._columns.image_feature
        if type(feature).__name__ in _ARRAYS:
            return np.asarray(value, dtype=feature.dtype)
        if value is None:
            raise DataError(f"{where} is missing (None); leave such rows out by dataset.filter")
        if not isinstance(value, Mapping):  # a picture, of a column with a mode of its own
            return value
        data, path = value.get("bytes"), value.get("path") or ""
        if data is not None:
            return read_image_bytes(data, f"{where} {path}".strip(), max_megapixels=self._max_megapixels).pixels
        if Path(path).is_file():
            return read_image_file(Path(path), max_megapixels=self._max_megapixels).pixels
        return feature.decode_example(value)  # a file inside an archive, or of another machine

    def _label(self, value: Any) -> Any:
        names = self._columns.class_names
        if isinstance(value, (list, tuple)) and names:
            return tuple(int(index in value) for index in range(len(names)))
        return value


def _by_split(dataset: HubDataset) -> dict[str, Any]:
    """The data sets by our names of splits."""
    if not isinstance(dataset, Mapping):
        if not isinstance(dataset, Iterable) or not hasattr(dataset, "cast_column"):
            kind = type(dataset).__name__
            raise DataError(f"dataset is a {kind}; give a Dataset or IterableDataset of datasets, or a dict of them")
        return {"train": dataset}
    parts = {_SPLITS[name]: part for name, part in dataset.items() if name in _SPLITS}
    if "train" not in parts or len(parts) < len(dataset):
        known = ", ".join(_SPLITS)
        raise DataError(f"dataset has the splits {', '.join(map(str, dataset))}; give train, and others of {known}")
    return parts


def _columns(part: Any, image: str | None, label: str | None) -> _Columns:
    features = _features(part)
    image = image or _only(features, ("Image", *_ARRAYS), "image")
    if image is None:
        raise DataError(f"dataset has no column of images among {', '.join(features)}; cast one to datasets.Image()")
    if label is None:
        label = _only(features, ("ClassLabel",), "label")
    for column in (image, label):
        if column and column not in features:
            raise DataError(f"dataset has no column {column!r}; it has {', '.join(features)}")
    if type(features[image]).__name__ not in ("Image", *_ARRAYS):
        kind = type(features[image]).__name__
        raise DataError(f"column {image!r} is {kind}, no Image or array; cast it by cast_column({image!r}, Image())")
    return _Columns(
        image=image,
        label=label or None,
        image_feature=features[image],
        label_feature=features[label] if label else None,
    )


def _features(part: Any) -> Mapping[str, Any]:
    if part.features is None:
        raise DataError("dataset does not say what its columns are; give load_dataset features=, or cast it to them")
    return part.features


def _only(features: Mapping[str, Any], kinds: tuple[str, ...], setting: str) -> str | None:
    found = [name for name, feature in features.items() if type(feature).__name__ in kinds]
    if len(found) > 1:
        raise DataError(f"dataset has several columns that may be meant ({', '.join(found)}); name one by {setting}=")
    return found[0] if found else None


def _check_columns(part: Any, columns: _Columns, split: str) -> None:
    features = _features(part)
    for column in (columns.image, columns.label):
        if column is not None and column not in features:
            raise DataError(f"{split}: there is no column {column!r}, unlike in train; it has {', '.join(features)}")
    own = features[columns.label] if columns.label is not None else None
    if own != columns.label_feature:
        raise DataError(f"{split}: column {columns.label!r} is {own}, and {columns.label_feature} in train; cast it")


def _undecoded(part: Any, columns: _Columns) -> Iterable[Mapping[str, Any]]:
    """The rows with only these columns, files as bytes; a column with a mode is decoded by `datasets` itself."""
    from datasets import Image

    if getattr(part, "format", {}).get("type") == "custom":
        raise DataError("dataset has a transform, which is not applied; use dataset.map, or dataset.reset_format()")
    part = part.select_columns([name for name in (columns.image, columns.label) if name]).with_format(None)
    feature = columns.image_feature
    if isinstance(feature, Image) and feature.mode is None and feature.decode:
        return part.cast_column(columns.image, Image(decode=False))
    return part
