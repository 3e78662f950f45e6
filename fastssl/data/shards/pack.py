"""Writing shards of data that can be opened already.

Covers: any data that `open_source` opens. Does not cover: images that come one after the other (`write.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from fastssl.data.labels.meaning import Labels
from fastssl.data.source import Source, Split

from .folder import DataFacts, Origins, finish_folder, new_folder
from .write import SHARD_BYTES
from .writer import PIECE_BYTES, StoredLevels, write_images


def pack_source(source: Source, folder: str | os.PathLike[str], *, shard_bytes: int = SHARD_BYTES) -> Path:
    """Write images, labels, patients and ids of a source as a folder of shards; a few MiB of images are read at a time.

    Args:
        source: the data, whose grey levels are written as they are. Masks are left out.
        folder: to make; it must not exist.
        shard_bytes: size of a file of images, at most.

    Returns:
        The folder.

    Raises:
        DataError: the folder exists or cannot be written; no folder is left then.
    """
    train = source.splits["train"].images
    dtype = np.dtype(train.dtype)
    masks = any(split.masks is not None for split in source.splits.values())
    with new_folder(folder) as (path, part):
        written = {
            name: write_images(part, name, _pieces(split), StoredLevels(value_range=None, dtype=dtype), shard_bytes)
            for name, split in source.splits.items()
        }
        facts = DataFacts(
            name=source.name,
            modality=source.modality,
            image_shape=source.image_shape,
            dtype=dtype,
            value_range=source.value_range,
            range_note=source.report.value_range,
            depth=source.report.depth,
            outside=0.0,
            notes=("masks are not stored in shards",) * masks,
        )
        labels = Labels(
            by_split=_labels(source.splits),
            task=source.task,
            class_names=source.class_names,
            problem=source.label_problem,
        )
        finish_folder(part, written, labels, facts, _origins(source))
    return path


def _labels(splits: Mapping[str, Split]) -> dict[str, np.ndarray]:
    return {name: split.labels for name, split in splits.items() if split.labels is not None}


def _origins(source: Source) -> Origins:
    splits = source.splits.items()
    return Origins(
        groups={name: split.groups for name, split in splits if split.groups is not None},
        group_names=source.group_names,
        patients_by=source.report.patients_by,
        ids={name: split.ids.tolist() for name, split in splits if split.ids is not None},
    )


def _pieces(split: Split) -> Iterator[np.ndarray]:
    """The images of a split; those of a memory map or of shards are read a piece at a time."""
    rows = max(1, PIECE_BYTES * len(split) // split.images.nbytes)
    for start in range(0, len(split), rows):
        yield split.images[start : start + rows]
