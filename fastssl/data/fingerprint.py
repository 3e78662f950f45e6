"""The content digest of a data set.

Covers: one hex digest over every split's pixels, labels and masks, and one over the pixels that are trained on, hashed
in parallel. Does not cover: names, folders or dates: equal data have equal digests, wherever their files are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from .source import Split

CHUNK_BYTES = 1 << 26


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """The digests of a data set.

    Args:
        whole: 32 hexadecimal digits of every split's pixels, labels and masks.
        images: likewise, of the pixels of "train" alone.
    """

    whole: str
    images: str


def fingerprint(splits: Mapping[str, Split], chunk_bytes: int = CHUNK_BYTES) -> str:
    """Compute the BLAKE2b digest of a data set.

    Each array counts with its name, dtype, shape and bytes. Bytes are hashed in chunks on a thread pool (hashlib
    releases the GIL), then the chunks' digests in order.

    Args:
        splits: by name, in any order.
        chunk_bytes: length of the chunks; the digest depends on it.

    Returns:
        32 hexadecimal digits.
    """
    return fingerprints(splits, chunk_bytes).whole


def fingerprints(splits: Mapping[str, Split], chunk_bytes: int = CHUNK_BYTES) -> Fingerprints:
    """Compute the digests of a data set, reading each array once.

    Args:
        splits: by name, in any order, "train" among them.
        chunk_bytes: length of the chunks; the digests depend on it.

    Returns:
        The digest of everything, as `fingerprint` returns it, and that of {"train": Split(images=...)} alone.
    """
    whole, images = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    with ThreadPoolExecutor() as pool:
        for split_name in sorted(splits):
            split = splits[split_name]
            for field, array in (("images", split.images), ("labels", split.labels), ("masks", split.masks)):
                if array is None:
                    continue
                counted = (whole, images) if (split_name, field) == ("train", "images") else (whole,)
                header = f"{split_name}.{field} {array.dtype.str} {array.shape};".encode()
                for part in (header, *pool.map(_digest, _chunks(array, chunk_bytes))):
                    for digest in counted:
                        digest.update(part)
    return Fingerprints(whole=whole.hexdigest(), images=images.hexdigest())


def _chunks(array: np.ndarray, size: int) -> Iterator[memoryview]:
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), size):
        yield flat[start : start + size]


def _digest(chunk: memoryview) -> bytes:
    return hashlib.blake2b(chunk, digest_size=16).digest()
