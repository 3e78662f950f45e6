"""The folder of shards as it comes into being: under a hidden name, then under its own.

Covers: a complete folder or none, labels and index. Does not cover: the shards (`writer.py`), whose images are and what
they are called (`side_files.py`), reading the folder (`open.py`).

What a killed writer left under a hidden name is removed by the next writer of the same folder.
"""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fastssl.data.fingerprint import ChunkDigests, JoinedDigest, bytes_of
from fastssl.data.labels.meaning import Labels
from fastssl.data.paths import expanded
from fastssl.data.storage import writing
from fastssl.errors import DataError
from fastssl.files import PARTIAL, sync
from fastssl.locks import try_lock

from .index import ShardIndex, StoredSplit
from .side_files import checksum, write_array, write_groups, write_ids
from .writer import WrittenSplit

REMEDY = "free some room, or choose another folder"


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What an index says of a data set besides its files; each as `ShardIndex` has it."""

    name: str
    modality: str
    image_shape: tuple[int, int, int]
    dtype: np.dtype
    value_range: str | None
    range_note: str
    depth: str
    outside: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Origins:
    """Whose images are and what they are called, as far as that is known.

    Args:
        groups: split -> int64 `[N]`, as `Split.groups` has them.
        group_names: as `Source.group_names` has them.
        patients_by: as `DataReport.patients_by` has it.
        ids: split -> N names, as `Split.ids` has them.
    """

    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    group_names: tuple[str, ...] = ()
    patients_by: str = ""
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)


NOT_KNOWN = Origins()


@contextmanager
def new_folder(folder: str | os.PathLike[str]) -> Iterator[tuple[Path, Path]]:
    """Make a folder inside the block: whole at its end, and not at all if the block raises an error.

    Args:
        folder: to make.

    Yields:
        Its path, and the hidden folder to write in.

    Raises:
        DataError: it exists, or cannot be written.
    """
    path = expanded(folder, "folder").absolute()
    if path.exists() or path.is_symlink():
        raise DataError(f"{path} exists; remove it, or write the shards to another folder")
    with writing(path.parent, REMEDY):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_partials(path)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        part.mkdir()
        descriptor = os.open(part, os.O_RDONLY)
        try:
            try_lock(descriptor)  # so that no other writer takes it for what a killed one has left
            yield path, part
            sync(part)
            part.rename(path)
            sync(path.parent)
        finally:
            os.close(descriptor)
            shutil.rmtree(part, ignore_errors=True)


def finish_folder(
    part: Path,
    written: Mapping[str, WrittenSplit],
    labels: Labels,
    facts: DataFacts,
    origins: Origins = NOT_KNOWN,
) -> None:
    """Write labels, groups, ids and index beside the shards.

    Args:
        part: the folder of the shards.
        written: split -> its shards.
        labels: of all splits.
        facts: what else the index says.
        origins: whose the images are and what they are called.

    Raises:
        OSError: they cannot be written.
    """
    splits, joined = {}, JoinedDigest()
    for split in sorted(written):
        own, whose, images = labels.by_split.get(split), origins.groups.get(split), written[split]
        joined.add(split, "images", facts.dtype, (images.count, *facts.image_shape), images.digests.all())
        stored = StoredSplit(shards=tuple(images.shards))
        if own is not None:
            _count(joined, split, "labels", own)
            write_array(part / f"{split}-labels.npy", own)
            stored = replace(stored, labels=f"{split}-labels.npy", labels_checksum=checksum(own))
        if whose is not None:
            _count(joined, split, "groups", whose)
            stored = replace(stored, groups=write_groups(part / f"{split}-groups.npy", whose))
        if split in origins.ids:
            stored = replace(stored, ids=write_ids(part / f"{split}-ids.json", origins.ids[split]))
        splits[split] = stored
    digests = joined.fingerprints()
    index = ShardIndex(
        name=facts.name,
        image_shape=facts.image_shape,
        dtype=str(facts.dtype),
        splits={split: splits[split] for split in written},
        task=labels.task,
        class_names=labels.class_names,
        modality=facts.modality,
        fingerprint=digests.whole,
        image_fingerprint=digests.images,
        value_range=facts.value_range,
        range_note=facts.range_note,
        depth=facts.depth,
        outside=facts.outside,
        notes=(*facts.notes, *labels.notes),
        label_problem=labels.problem,
        group_names=origins.group_names,
        patients_by=origins.patients_by,
    )
    index.write(part)


def _count(joined: JoinedDigest, split: str, field_name: str, array: np.ndarray) -> None:
    chunks = ChunkDigests()
    chunks.update(bytes_of(array))
    joined.add(split, field_name, array.dtype, array.shape, chunks.all())


def _clear_partials(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY)
            try:
                if try_lock(descriptor):
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
