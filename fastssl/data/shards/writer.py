"""Writing the shards of one split, as its images come.

Covers: grey levels, files of a bounded size, digests, with a few MiB of images in memory. Does not cover: what may be
written (`samples.py`), the folder as a whole (`write.py`).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fastssl.data.fingerprint import ChunkDigests, bytes_of
from fastssl.data.values.range_words import share_outside
from fastssl.data.values.value_range import ValueRange, to_levels
from fastssl.data.values.value_span import ValueSpan

from .index import StoredShard

PIECE_BYTES = 1 << 22
"""Bytes of images that become grey levels, and are hashed and written, at a time."""


@dataclass(frozen=True, kw_only=True)
class StoredLevels:
    """How the values of images become what is stored.

    Args:
        value_range: the values of black and white; None: the type's full range.
        dtype: of the grey levels, uint8 or uint16.
    """

    value_range: ValueRange | None
    dtype: np.dtype


@dataclass(kw_only=True)
class WrittenSplit:
    """What was written of a split.

    Args:
        shards: in order.
        digests: of the chunks of all its pixels, as one array.
        spans: of the values, before they became grey levels.
        outside: how many values the range clipped.
    """

    shards: list[StoredShard] = field(default_factory=list)
    digests: ChunkDigests = field(default_factory=ChunkDigests)
    spans: list[ValueSpan] = field(default_factory=list)
    outside: float = 0.0

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(shard.count for shard in self.shards)


def write_images(
    folder: Path, split: str, pieces: Iterable[np.ndarray], levels: StoredLevels, shard_bytes: int
) -> WrittenSplit:
    """Write images into as many shards as they need.

    Args:
        folder: that is written in.
        split: name of the split, with which the files' names begin.
        pieces: the images, `[n, H, W, C]` each time, of one shape and type.
        levels: what they become.
        shard_bytes: the size of a shard, at most; one holds at least one image.

    Returns:
        What was written; without any shard if there were no images.

    Raises:
        OSError: it cannot be written.
    """
    written = WrittenSplit()
    shard: _OpenShard | None = None
    try:
        for piece in pieces:
            written.spans = [ValueSpan.joined([*written.spans, ValueSpan.of(piece)])]
            written.outside += share_outside(piece, levels.value_range) * piece.size
            pixels = np.ascontiguousarray(to_levels(piece, levels.value_range, levels.dtype))
            written.digests.update(bytes_of(pixels))
            most = max(1, shard_bytes // pixels[0].nbytes)
            while len(pixels):
                if shard is not None and shard.count == most:
                    written.shards.append(shard.finish())
                    shard = None
                shard = shard or _OpenShard(folder / f"{split}-{len(written.shards):05d}.npy", pixels[:0])
                room = most - shard.count
                shard.add(pixels[:room])
                pixels = pixels[room:]
        if shard is not None:
            written.shards.append(shard.finish())
            shard = None
    finally:
        if shard is not None:
            shard.file.close()
    return written


class _OpenShard:
    """A `.npy` file that grows; how many images it has is put into its header at the end."""

    def __init__(self, path: Path, like: np.ndarray) -> None:
        self.path, self.count = path, 0
        self.file: BinaryIO = path.open("w+b")
        self._digest = hashlib.blake2b(digest_size=16)
        self._dtype, self._image_shape = like.dtype, like.shape[1:]
        self.file.write(self._header())

    def add(self, pixels: np.ndarray) -> None:
        own = bytes_of(pixels)
        self._digest.update(own)
        self.file.write(own)
        self.count += len(pixels)

    def finish(self) -> StoredShard:
        self.file.seek(0)
        self.file.write(self._header())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return StoredShard(file=self.path.name, count=self.count, checksum=self._digest.hexdigest())

    def _header(self) -> bytes:
        """For the images so far; NumPy leaves room in it for any number of them, so that its length is one."""
        header = io.BytesIO()
        described = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.count, *self._image_shape),
        }
        np.lib.format.write_array_header_1_0(header, described)
        return header.getvalue()
