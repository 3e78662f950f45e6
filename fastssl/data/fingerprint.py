"""The content digest of a data set.

Covers: one hex digest over every split's pixels, labels, masks and groups, and one over the pixels that are trained on,
hashed in parallel, or piece by piece as a data set is written. Does not cover: names, folders or dates: equal data have
equal digests, wherever their files are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from .source import Split

CHUNK_BYTES = 1 << 26


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """The digests of a data set.

    Args:
        whole: 32 hexadecimal digits of every split's pixels, labels, masks and groups.
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
    joined = JoinedDigest()
    with ThreadPoolExecutor() as pool:
        for split_name in sorted(splits):
            split = splits[split_name]
            for field in ("images", "labels", "masks", "groups"):
                array = getattr(split, field)
                if array is not None:
                    digests = pool.map(_digest, _chunks(np.asarray(array), chunk_bytes))
                    joined.add(split_name, field, array.dtype, array.shape, digests)
    return joined.fingerprints()


class JoinedDigest:
    """The digests of a data set, from those of its arrays' chunks.

    Arrays are added in the order of their splits' names, and of one split: images, labels, masks, groups.
    """

    def __init__(self) -> None:
        self._whole, self._images = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)

    def add(self, split: str, field: str, dtype: np.dtype, shape: tuple[int, ...], digests: Iterable[bytes]) -> None:
        """Count an array.

        Args:
            split: its name.
            field: "images", "labels", "masks" or "groups".
            dtype: of the array.
            shape: of the array.
            digests: of its chunks, in order, as `ChunkDigests` or `fingerprints` make them.
        """
        counted = (self._whole, self._images) if (split, field) == ("train", "images") else (self._whole,)
        for part in (f"{split}.{field} {dtype.str} {shape};".encode(), *digests):
            for digest in counted:
                digest.update(part)

    def fingerprints(self) -> Fingerprints:
        """Return the digests of what was added."""
        return Fingerprints(whole=self._whole.hexdigest(), images=self._images.hexdigest())


class ChunkDigests:
    """The digests of an array's chunks, of an array that passes by in pieces.

    Args:
        chunk_bytes: length of the chunks.
    """

    def __init__(self, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._length = chunk_bytes
        self._done: list[bytes] = []
        self._chunk, self._filled = hashlib.blake2b(digest_size=16), 0

    def update(self, piece: memoryview) -> None:
        """Go on with the next bytes.

        Args:
            piece: of unsigned bytes, of any length.
        """
        while len(piece):
            part = piece[: self._length - self._filled]
            self._chunk.update(part)
            self._filled, piece = self._filled + len(part), piece[len(part) :]
            if self._filled == self._length:
                self._done.append(self._chunk.digest())
                self._chunk, self._filled = hashlib.blake2b(digest_size=16), 0

    def all(self) -> list[bytes]:
        """Return the digests of all chunks, the last, shorter one included."""
        return [*self._done, *([self._chunk.digest()] if self._filled else [])]


def bytes_of(array: np.ndarray) -> memoryview:
    """Return the bytes of an array in C order; of a contiguous one, those that it lies in."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _chunks(array: np.ndarray, size: int) -> Iterator[memoryview]:
    flat = bytes_of(array)
    for start in range(0, len(flat), size):
        yield flat[start : start + size]


def _digest(chunk: memoryview) -> bytes:
    return hashlib.blake2b(chunk, digest_size=16).digest()
