"""Images that are the same, and images that look the same.

Covers: equal pixels by a digest, likeness by a difference hash. Does not cover: what follows from them (`rules.yaml`).

The difference hash (N. Krawetz, "Kind of Like That", 2013) says of 8 x 8 places whether an image grows brighter to the
right. It is the same for images that differ in contrast, in noise or in size.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np

SIDE = 8
FLAT = 4
"""Grey levels of 255 within which an image is flat: its hash would tell of noise alone."""


def digests(images: np.ndarray) -> list[bytes]:
    """Return 16 bytes (BLAKE2b) for the pixels of each image.

    Args:
        images: `[N, H, W, C]` uint8 or uint16.
    """
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]


def difference_hashes(images: np.ndarray) -> np.ndarray:
    """Return the difference hash of each image, uint64 `[N]`; 0 for an image that is flat.

    Args:
        images: `[N, H, W, C]` uint8 or uint16, at least 9 pixels wide and 8 high.
    """
    white = np.iinfo(images.dtype).max
    hashes = np.zeros(len(images), dtype=np.uint64)
    for place, image in enumerate(images):
        grey = image.mean(axis=2) * (255 / white)
        means = _cell_means(grey, SIDE, SIDE + 1)
        if np.ptp(means) > FLAT:
            hashes[place] = np.packbits(means[:, 1:] > means[:, :-1]).view(np.uint64)[0]
    return hashes


def repeated(keys: list[bytes]) -> int:
    """Return how many are the same as one before them.

    Args:
        keys: of images.
    """
    return len(keys) - len(set(keys))


def like_another(hashes: np.ndarray) -> float:
    """Return the share of images whose hash another one has, 0 to 1; flat images are like none.

    Args:
        hashes: as `difference_hashes` makes them.
    """
    counts = Counter(hashes[hashes != 0].tolist())
    return sum(count for count in counts.values() if count > 1) / len(hashes) if len(hashes) else 0.0


def _cell_means(grey: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The means of `rows` x `columns` cells that cover an image."""
    down, across = (
        np.linspace(0, side, cells + 1).astype(int)[:-1]
        for side, cells in zip(grey.shape, (rows, columns), strict=True)
    )
    sums = np.add.reduceat(np.add.reduceat(grey, down, axis=0), across, axis=1)
    counts = np.outer(np.diff([*down, grey.shape[0]]), np.diff([*across, grey.shape[1]]))
    return np.asarray(sums / counts)
