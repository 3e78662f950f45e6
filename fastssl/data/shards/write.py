"""Writing a folder of shards from images that come one after the other.

Covers: any number of images, of which a few MiB are in memory at a time. Does not cover: one split's files
(`writer.py`), the folder (`folder.py`), shards of data that can be opened already (`pack.py`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fastssl.data.patients import number_groups
from fastssl.data.values.range_words import describe_depth, describe_range
from fastssl.data.values.value_range import levels_dtype, range_setting, resolve_range
from fastssl.data.values.value_span import ValueSpan
from fastssl.errors import DataError

from .folder import DataFacts, Origins, finish_folder, new_folder
from .labels import labels_of
from .samples import NO_LABEL, ReadSample, Sample, read_samples
from .writer import PIECE_BYTES, StoredLevels, WrittenSplit, write_images

Groups = Sequence[str] | Sequence[int] | np.ndarray
SPLITS = ("train", "val", "test")
SHARD_BYTES = 256 << 20
"""Bytes of a shard, at most."""


def write_shards(
    folder: str | os.PathLike[str],
    images: Iterable[Sample] | Mapping[str, Iterable[Sample]],
    *,
    size: int | None = None,
    value_range: str | None = None,
    class_names: Sequence[str] = (),
    groups: Groups | Mapping[str, Groups] | None = None,
    pseudonymise: bool = True,
    modality: str = "unknown",
    shard_bytes: int = SHARD_BYTES,
) -> Path:
    """Write images as a folder of shards, which `open_source` and `--data` open, however many they are.

    Each image is read once, in order, and a few MiB of images are in memory at a time.

    Args:
        folder: to make; it must not exist.
        images: of the split "train", or by split ("train", "val", "test"): an iterable of images or of (image, label)
            pairs. An image is `[H, W]` or `[H, W, C]`, C in 1, 3, 4: an array, a tensor in host memory or a picture of
            Pillow. A label is a whole number, text, or a row of 0 and 1; -1 or None where it is not known.
        size: side of the square that each image is resized to, in pixels (antialiased, short side, then the centre);
            None: they are squares of one size already.
        value_range: the values that become black and white, "LOW,HIGH", or "full" for those of the type. None: uint8
            images as they are; for others it must be given, since the first image does not tell what the last one has.
        class_names: by class index, or by column of several labels; empty: the values of the labels are the classes.
        groups: whose each image is, of the split "train", or by split: names or whole numbers of patients, in the order
            of the images. None where that is not known.
        pseudonymise: keep salted hashes of patients' names alone.
        modality: of the images, such as "chest X-ray".
        shard_bytes: size of a file of images, at most.

    Returns:
        The folder.

    Raises:
        DataError: the folder exists or cannot be written, an image or a label is not like the others or is none,
            there is no image, or there are not as many groups as images. No folder is left then.
    """
    setting = range_setting(value_range)
    if shard_bytes < 1 or (size is not None and size < 1):
        raise DataError(f"size={size}, shard_bytes={shard_bytes}: both are at least 1")
    by_split = images if isinstance(images, Mapping) else {"train": images}
    if "train" not in by_split or not set(by_split) <= set(SPLITS):
        raise DataError(f"images of {', '.join(map(str, by_split))}: the splits are train, and val and test if any")
    with new_folder(folder) as (path, part):
        train = _Pieces(by_split["train"], "train", size)
        levels = _levels(train.first.pixels, setting)
        others = (_Pieces(by_split[split], split, size, train.first) for split in SPLITS[1:] if split in by_split)
        written: dict[str, WrittenSplit] = {}
        raw: dict[str, list[object]] = {}
        for pieces in itertools.chain((train,), others):
            written[pieces.split] = write_images(part, pieces.split, pieces, levels, shard_bytes)
            if pieces.labels:
                raw[pieces.split] = pieces.labels
        labels = labels_of(raw, {split: own.count for split, own in written.items()}, class_names)
        facts = _facts(levels, setting, written, name=path.name, modality=modality, like=train.first.pixels)
        finish_folder(part, written, labels, facts, _origins(groups, written, pseudonymise=pseudonymise))
    return path


def _origins(
    groups: Groups | Mapping[str, Groups] | None, written: Mapping[str, WrittenSplit], *, pseudonymise: bool
) -> Origins:
    """Whose the images are, numbered."""
    by_split = {} if groups is None else groups if isinstance(groups, Mapping) else {"train": groups}
    named = {split: np.asarray(own) for split, own in by_split.items()}
    for split, own in named.items():
        images = written[split].count if split in written else 0
        if own.shape != (images,) or own.dtype.kind not in "iuU":
            raise DataError(f"{split}: groups are {own.dtype} {list(own.shape)} and there are {images} images; give a "
                            "name or a whole number for each")  # fmt: skip
    found = number_groups(named, pseudonymise=pseudonymise)
    return Origins(groups=found.groups, group_names=found.names)


class _Pieces:
    """The samples of a split as arrays of a few MiB; their labels are kept."""

    def __init__(self, samples: Iterable[Sample], split: str, size: int | None, like: ReadSample | None = None) -> None:
        self.split, self.labels = split, list[object]()
        self._samples = read_samples(samples, split, size, like=like)
        first = next(self._samples, None)
        if first is None:
            raise DataError(f"{split}: there is no image to write; give it images or leave it out")
        self.first = first

    def __iter__(self) -> Iterator[np.ndarray]:
        most = max(1, PIECE_BYTES // self.first.pixels.nbytes)
        piece: list[np.ndarray] = []
        for pixels, label in itertools.chain((self.first,), self._samples):
            piece.append(pixels)
            if label is not NO_LABEL:
                self.labels.append(label)
            if len(piece) == most:
                yield np.stack(piece)
                piece = []
        if piece:
            yield np.stack(piece)


def _levels(like: np.ndarray, setting: str | None) -> StoredLevels:
    """The grey levels that images of a type become."""
    if setting is None and like.dtype != np.uint8:
        raise DataError(
            f"images of {like.dtype} need value_range: the values LOW,HIGH that become black and white, or full"
        )
    if setting is None:
        return StoredLevels(value_range=None, dtype=like.dtype)
    spans = (ValueSpan(lowest=0, highest=0, dtype=like.dtype),)
    found = resolve_range(setting, spans)
    return StoredLevels(value_range=found, dtype=levels_dtype(spans, found))


def _facts(
    levels: StoredLevels,
    setting: str | None,
    written: Mapping[str, WrittenSplit],
    *,
    name: str,
    modality: str,
    like: np.ndarray,
) -> DataFacts:
    spans = [span for own in written.values() for span in own.spans]
    height, width, channels = like.shape
    return DataFacts(
        name=name,
        modality=modality,
        image_shape=(height, width, channels),
        dtype=levels.dtype,
        value_range=None if levels.value_range is None else str(levels.value_range),
        range_note=describe_range(levels.value_range, spans, setting),
        depth=describe_depth(spans),
        outside=sum(own.outside for own in written.values()) / sum(span.pixels for span in spans),
    )
