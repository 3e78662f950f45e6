"""Features that are made a part at a time, so that an interrupted call goes on where it was.

Covers: which parts there are, a folder of finished ones beside the file that they are for, one process at a time.
Does not cover: the file (`parquet_file.py`, `npz_file.py`).

A part's features depend on nothing but what its key says, so that it does not matter which call has made it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor

from fastssl.data.storage import writing
from fastssl.distributed.leader import by_leader, on_all
from fastssl.distributed.world import world
from fastssl.errors import CheckpointError, ConfigError
from fastssl.evaluation.shared.extraction import check_finite, consecutive, feature_key
from fastssl.evaluation.shared.features import FeatureCache, FeatureKey
from fastssl.locks import try_lock
from fastssl.outputs import REMEDY

from .opened import EncoderAndImages

IMAGES = 4096
"""Of a part, about: whole batches."""
LOCK = "lock"


@dataclass(frozen=True, kw_only=True)
class FeaturePart:
    """Some images of a split that follow each other.

    Attributes:
        key: what their features depend on.
        split: its name.
        start: the first of them.
        stop: the one after the last.
    """

    key: FeatureKey
    split: str
    start: int
    stop: int


def parts_of(opened: EncoderAndImages) -> list[FeaturePart]:
    """Divide the images into parts.

    Args:
        opened: the encoder and the images.

    Returns:
        The parts, split by split.
    """
    extraction, candidate = opened.extraction, opened.candidate
    size = extraction.batch_size
    length = max(1, IMAGES // size) * size
    encoder, found = candidate.start(0).encoder, list[FeaturePart]()
    for split in opened.splits:
        whole = feature_key(encoder, candidate, opened.source, split, extraction.runtime)
        how = f"{whole.precision}, batches of {size}, processes {world().size}, {extraction.runtime.device.type}"
        count = len(opened.source.splits[split])
        for start in range(0, count, length):
            stop = min(start + length, count)
            key = replace(whole, split=f"{split}-{start}-{stop}", precision=how)
            found.append(FeaturePart(key=key, split=split, start=start, stop=stop))
    return found


class PartFolder:
    """Finished parts, in a hidden folder beside the file that they are for.

    Args:
        out: the file.
    """

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(f".{out.name}.part")
        self._cache = FeatureCache(self.path)

    @contextmanager
    def held(self, parts: Sequence[FeaturePart]) -> Iterator[None]:
        """Have the folder to oneself inside the block; of another call's parts only those that are wanted stay.

        Args:
            parts: those of this call. Once all have been used, the caller removes the folder (`remove`).

        Raises:
            ConfigError: another process writes the same file.
            DataError: the folder cannot be written.
        """
        with writing(self.path.parent, REMEDY):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / LOCK).open("ab") as lock:
                if try_lock(lock.fileno()) is False:
                    raise ConfigError([f"{self.path.name}: another process is writing this file; give another --out"])
                wanted = {LOCK, *(self._cache.path(part.key).name for part in parts)}
                for entry in list(os.scandir(self.path)):
                    if entry.name not in wanted:
                        Path(entry.path).unlink(missing_ok=True)
                yield

    def complete(self, parts: Sequence[FeaturePart], opened: EncoderAndImages) -> int:
        """Make the features that are not there yet.

        Args:
            parts: all that are wanted.
            opened: the encoder and the images.

        Returns:
            How many images an earlier call had done.

        Raises:
            CheckpointError: features are not finite numbers.
            OSError: they cannot be written.
        """
        candidate, extraction, found = opened.candidate, opened.extraction, 0
        encoder = candidate.start(0).encoder
        for part in parts:
            if on_all(not world().leads or self._cache.find(part.key) is not None):
                found += part.stop - part.start
                continue
            images = consecutive(opened.source.splits[part.split].images, part.start, part.stop)
            whole = len(opened.source.splits[part.split])
            what = f"{candidate.label}: {part.split} images {part.start} to {part.stop} of {whole}"
            features = extraction.of_images(encoder, images, candidate.view, what, extraction.runtime.amp_dtype)
            check_finite(features, candidate.label)
            by_leader(partial(self._cache.write, part.key, features))
        return found

    def features(self, part: FeaturePart) -> Tensor:
        """Read the features of a part, float32 `[n, D]`.

        Args:
            part: a finished one.

        Raises:
            CheckpointError: it was damaged meanwhile.
        """
        features = self._cache.find(part.key)
        if features is None:
            raise CheckpointError(f"{self._cache.path(part.key)}: was damaged; give the command again")
        return features

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def counts_of(parts: Sequence[FeaturePart]) -> Mapping[str, int]:
    """Return the number of images of each split."""
    return {part.split: part.stop for part in parts}
