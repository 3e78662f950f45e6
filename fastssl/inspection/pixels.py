"""One pass over all images of a data set: what is kept of each is small.

Covers: a digest, a thumbnail and brightness of every image, read in chunks and by several threads. Does not cover: what
follows from them (`duplicates.py`, `exposure.py`, `polarity.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from fastssl.data.progress import progress
from fastssl.data.resize import workers
from fastssl.data.source import Source, Split

from .thumbnails import thumbnails_of

DIGEST = np.dtype("V16")
"""A digest as an item of an array."""
CHUNK_VALUES = 1 << 20
"""Pixel values that a thread holds at a time: 4 MB of float32, which the processor's cache holds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """What was seen of the images of a split.

    Attributes:
        rows: int64 `[M]`, which images of the split, in order: all of them, or evenly spread ones.
        digests: V16 `[M]`: BLAKE2b of the pixels.
        thumbnails: uint8 `[M, 32, 32]`, grey, each stretched over 0 to 255.
        brightness: float32 `[M]`: mean of the pixels, 0 black and 1 white.
        contrast: float32 `[M]`: standard deviation of the grey pixels, on the same scale.
        black: float32 `[M]`: share of the pixels that are black in all channels.
        white: float32 `[M]`: share of the pixels that are white in all channels.
        grey: bool `[M]`: all channels are equal.
    """

    rows: np.ndarray
    digests: np.ndarray
    thumbnails: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    black: np.ndarray
    white: np.ndarray
    grey: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def look_at_pixels(
    source: Source, *, most: int | None = None, notify: Callable[[str], None] | None = None
) -> dict[str, Pixels]:
    """Look at every image of a data set once.

    Args:
        source: the data; images in memory, memory-mapped or in shards.
        most: images of a split that are looked at; of more, evenly spread ones. None: all.
        notify: called with one line of text now and then where it takes long; None keeps quiet.

    Returns:
        By split, in the source's order.
    """
    chosen = {name: _spread(len(split), most) for name, split in source.splits.items()}
    total = sum(map(len, chosen.values()))
    with progress("looking at the images", total, notify) as advance, ThreadPoolExecutor(workers()) as pool:
        return {name: _look(split, chosen[name], pool, advance) for name, split in source.splits.items()}


def _spread(count: int, most: int | None) -> np.ndarray:
    if most is None or count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


def _look(split: Split, rows: np.ndarray, pool: ThreadPoolExecutor, advance: Callable[[int], None]) -> Pixels:
    step = max(1, CHUNK_VALUES // int(np.prod(split.images.shape[1:])))
    chunks = [rows[start : start + step] for start in range(0, len(rows), step)]
    parts = []
    for part in pool.map(lambda own: _look_at_some(np.asarray(split.images[own]), own), chunks):
        parts.append(part)
        advance(len(part))
    return Pixels(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Pixels)}
    )


def _look_at_some(images: np.ndarray, rows: np.ndarray) -> Pixels:
    """Look at `[M, H, W, C]` images that are in memory."""
    top, channels = np.iinfo(images.dtype).max, [images[..., channel] for channel in range(images.shape[-1])]
    grey = _sum(channels)
    black, white = ((grey == level).mean(axis=(1, 2), dtype=np.float32) for level in (0, top * len(channels)))
    grey *= np.float32(1 / (top * len(channels)))
    thumbnails, brightness = thumbnails_of(grey), grey.mean(axis=(1, 2))
    grey -= brightness[:, None, None]
    return Pixels(
        rows=rows,
        digests=np.frombuffer(b"".join(_digest(image) for image in images), DIGEST),
        thumbnails=_stretched(thumbnails),
        brightness=brightness,
        contrast=np.sqrt(np.einsum("nhw,nhw->n", grey, grey) / np.float32(grey[0].size)),
        black=black,
        white=white,
        grey=np.all([(other == channels[0]).all(axis=(1, 2)) for other in channels], axis=0),
    )


def _sum(channels: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of `[M, H, W]` arrays, float32; NumPy's own sum along a last axis of 3 takes several times as long."""
    total = channels[0].astype(np.float32)
    for other in channels[1:]:
        total += other
    return total


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=DIGEST.itemsize).digest()


def _stretched(thumbnails: np.ndarray) -> np.ndarray:
    """Each from its darkest pixel as 0 to its brightest as 255; 0 where it has one value."""
    low, high = thumbnails.min(axis=(1, 2), keepdims=True), thumbnails.max(axis=(1, 2), keepdims=True)
    return np.rint((thumbnails - low) * (255 / np.maximum(high - low, np.float32(1e-12)))).astype(np.uint8)
