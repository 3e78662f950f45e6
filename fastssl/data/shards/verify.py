"""Whether the images in shards are still those that were written.

Covers: reading every shard once and comparing its checksum. Does not cover: sizes and headers, which every opening
checks (`open.py`).
"""

from __future__ import annotations

import hashlib
import os

from fastssl.data.fingerprint import bytes_of
from fastssl.data.paths import expanded
from fastssl.data.patients import PatientOptions
from fastssl.errors import DataError

from .index import read_index
from .open import open_shards
from .side_files import AGAIN

_BYTES = 1 << 24


def verify_shards(folder: str | os.PathLike[str]) -> int:
    """Compare the checksum of every shard with that of its writer; reads everything, 16 MiB at a time.

    Args:
        folder: of the shards.

    Returns:
        Number of images.

    Raises:
        DataError: a file is missing or not what was written; the text names the first such file.
    """
    path = expanded(folder, "folder")
    index, source = read_index(path), open_shards(path, patients=PatientOptions(allow_leak=True))
    for split, stored in index.splits.items():
        images, start = source.splits[split].images, 0
        rows = max(1, _BYTES // (images.nbytes // len(images)))
        for shard in stored.shards:
            digest, stop = hashlib.blake2b(digest_size=16), start + shard.count
            for first in range(start, stop, rows):
                digest.update(bytes_of(images[first : min(first + rows, stop)]))
            if digest.hexdigest() != shard.checksum:
                raise DataError(f"{path / shard.file} has other images than those that were written; {AGAIN}")
            start = stop
    return sum(own.count for own in index.splits.values())
