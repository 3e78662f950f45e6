"""Opening a folder of shards as a source.

Covers: checking that the files are what the index says, by their sizes and headers, without reading the images. Does
not cover: their contents (`verify.py`), reading them (`images.py`), groups and ids (`side_files.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastssl.data.facts import report_of
from fastssl.data.patients import PatientOptions, check_leaks
from fastssl.data.patients.options import NOBODY, check_no_group
from fastssl.data.source import Source, Split
from fastssl.data.values.value_range import FULL, ValueRange
from fastssl.errors import DataError

from .images import ShardedImages, ShardFile
from .index import ShardIndex, StoredShard, StoredSplit, read_index
from .side_files import AGAIN, checksum, load_array, read_groups, read_ids


def open_shards(
    folder: Path,
    size: int | None = None,
    *,
    value_range: str | None = None,
    patients: PatientOptions | None = None,
) -> Source:
    """Open a folder of shards; no image is read.

    Args:
        folder: that `write_shards` or `fastssl pack` made.
        size: side of the images in pixels, which must be that of the shards; None: theirs.
        value_range: the values of black and white, as `open_source` takes them, which must be those of the shards;
            None: theirs.
        patients: what becomes of the groups, which alone can say whose the images are, with the names that they were
            written with; None: the defaults.

    Returns:
        The source, its images on the disk.

    Raises:
        DataError: a file is missing or not what the index says, or another size or range is asked for; a patient
            is in two splits, or asked for otherwise than by the groups.
    """
    patients = patients or PatientOptions()
    check_no_group(patients, f"{folder} keeps whose its images are")
    index = read_index(folder)
    side = index.image_shape[0]
    if size not in (None, side):
        raise DataError(f"{folder}: the images are stored at {side} px, not {size}; write shards of that size by "
                        f"fastssl pack --data DATA --size {size}")  # fmt: skip
    _check_range(index, value_range, folder)
    grouped = patients.group != NOBODY
    splits = {
        name: Split(
            images=_images(folder, index, own),
            labels=_labels(folder, own, len(index.class_names)),
            groups=read_groups(folder, own.groups if grouped else None, own.count, len(index.group_names)),
            ids=read_ids(folder, own.ids, own.count),
        )
        for name, own in index.splits.items()
    }
    groups = {name: own.groups for name, own in splits.items() if own.groups is not None}
    leaks = check_leaks(groups, str(folder), allow_leak=patients.allow_leak)
    return Source(
        name=index.name,
        splits=splits,
        task=index.task,
        class_names=index.class_names,
        group_names=index.group_names if groups else (),
        modality=index.modality,
        fingerprint=index.fingerprint,
        image_fingerprint=index.image_fingerprint,
        value_range=index.value_range,
        label_problem=index.label_problem,
        report=report_of(
            splits,
            name=index.name,
            path=folder,
            task=index.task,
            class_names=index.class_names,
            depth=index.depth,
            value_range=index.range_note,
            outside=index.outside,
            patients_by=index.patients_by,
            notes=(_on_disk(index), *index.notes, *leaks),
        ),
    )


def _on_disk(index: ShardIndex) -> str:
    files = [shard for own in index.splits.values() for shard in own.shards]
    count, row_bytes = sum(shard.count for shard in files), np.dtype(index.dtype).itemsize * np.prod(index.image_shape)
    return f"{len(files)} shard{'s' * (len(files) > 1)}, {count * row_bytes / 1e6:.1f} MB, read from the disk as needed"


def _check_range(index: ShardIndex, setting: str | None, folder: Path) -> None:
    """Refuse a range that is not the one by which the stored levels were made."""
    if setting is None or setting == index.value_range:
        return
    if index.value_range is None and (setting == FULL or ValueRange.parse(setting).high >= 255):
        return  # 8-bit images as they are, which a wider range does not apply to
    if setting == FULL and index.value_range == str(ValueRange.of_type(np.dtype(index.dtype))):
        return
    own = index.value_range or "8-bit images as they are"
    raise DataError(f"{folder}: value_range={setting}, and the shards were written with {own}; leave it at auto, or "
                    "write them again by fastssl pack with --value-range")  # fmt: skip


def _images(folder: Path, index: ShardIndex, split: StoredSplit) -> ShardedImages:
    dtype = np.dtype(index.dtype)
    files = [_file(folder / shard.file, shard, index.image_shape, dtype) for shard in split.shards]
    return ShardedImages(files, index.image_shape, dtype)


def _file(path: Path, shard: StoredShard, image_shape: tuple[int, int, int], dtype: np.dtype) -> ShardFile:
    """A file whose header and size are what the index says."""
    expected = (shard.count, *image_shape)
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, fortran, found = np.lib.format.read_array_header_1_0(file)
            offset = file.tell()
        length = offset + int(np.prod(expected, dtype=np.int64)) * dtype.itemsize
        if (shape, fortran, found) == (expected, False, dtype) and path.stat().st_size == length:
            return ShardFile(path=path, count=shard.count, offset=offset)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; {AGAIN}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; change its permissions or {AGAIN}") from error
    except ValueError:
        pass
    raise DataError(f"{path} is not the {dtype} {list(expected)} that the index says; {AGAIN}")


def _labels(folder: Path, split: StoredSplit, classes: int) -> np.ndarray | None:
    if split.labels is None:
        return None
    path = folder / split.labels
    labels = load_array(path)
    known = labels.dtype == np.int64 and labels.shape in ((split.count,), (split.count, classes))
    if not known or checksum(labels) != split.labels_checksum:
        raise DataError(f"{path} holds other labels than those that were written; {AGAIN}")
    return labels
