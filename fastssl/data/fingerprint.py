"""The content digest of a data set.

Covers: one hex digest over every split's pixels, labels and masks, hashed in parallel. Does not cover: names, folders
or dates: equal data give equal digests wherever they lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .source import Split

CHUNK_BYTES = 1 << 26


def fingerprint(splits: Mapping[str, Split]) -> str:
    """Return the BLAKE2b digest (32 hex digits) of `splits`, whatever the order in which they are named.

    Each array counts with its name, dtype, shape and bytes. Bytes are hashed in chunks of 64 MiB on a thread pool
    (hashlib releases the GIL), then the chunks' digests in order.
    """
    outer = hashlib.blake2b(digest_size=16)
    with ThreadPoolExecutor() as pool:
        for split_name in sorted(splits):
            split = splits[split_name]
            for field, array in (("images", split.images), ("labels", split.labels), ("masks", split.masks)):
                if array is None:
                    continue
                outer.update(f"{split_name}.{field} {array.dtype.str} {array.shape};".encode())
                for digest in pool.map(_digest, _chunks(array)):
                    outer.update(digest)
    return outer.hexdigest()


def _chunks(array: np.ndarray) -> Iterator[memoryview]:
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), CHUNK_BYTES):
        yield flat[start : start + CHUNK_BYTES]


def _digest(chunk: memoryview) -> bytes:
    return hashlib.blake2b(chunk, digest_size=16).digest()
