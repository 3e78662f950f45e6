"""Images that are read a part at a time, since all of them may not fit into the memory.

Covers: what a loader asks of such images, and how much of them it has in memory. Does not cover: files (the caller
brings the object, such as `fastssl.data.ShardedImages`), when parts are read (`window_store.py`).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

WINDOW_BYTES = 128 << 20
"""Bytes of a window that is shuffled; two are in memory, one in use and the next. Another value is another order."""
UNSHUFFLED_BYTES = 64 << 20
"""The same of images in their own order, where a window is only what is read at once."""
BLOCK_BYTES = 1 << 20
"""Bytes of the neighbours that are read at once. Another value is another order."""


@runtime_checkable
class StreamedImages(Protocol):
    """Images `[N, H, W, C]` uint8 or uint16 that are no array in memory; several threads may read at once."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, H, W, C)`."""

    @property
    def dtype(self) -> np.dtype:
        """uint8 or uint16."""

    @property
    def nbytes(self) -> int:
        """Bytes of all images."""

    def __len__(self) -> int:
        """N."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read the images from `start` up to `stop`, as an array of its own."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Read the images of these numbers, int64 `[M]`, as an array of its own."""


Images = np.ndarray | StreamedImages


def window_images(images: Images, *, shuffle: bool, asked: int | None) -> int | None:
    """Find how many images are shuffled with each other.

    Args:
        images: of a loader.
        shuffle: whether it shuffles.
        asked: number of images that was asked for; None: all of an array, and `WINDOW_BYTES` of others.

    Returns:
        That number; None where all images are shuffled together, or none is.
    """
    if not shuffle or (asked is None and isinstance(images, np.ndarray)):
        return None
    window = _held(images, WINDOW_BYTES) if asked is None else asked
    return window if window < len(images) else None


def block_images(images: Images) -> int:
    """Count the images that are read at once."""
    return _held(images, BLOCK_BYTES)


def unshuffled_window(images: Images) -> int:
    """Count the images of a window where none are shuffled."""
    return _held(images, UNSHUFFLED_BYTES)


def _held(images: Images, nbytes: int) -> int:
    return max(1, nbytes * len(images) // images.nbytes)
