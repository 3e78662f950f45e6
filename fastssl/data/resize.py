"""Bringing images to one square size.

Covers: the antialiased resize that every source shares (short side to `size`, then the central square), for integers
and floats. Does not cover: augmentation, nor decoding (`packing/decode.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def workers() -> int:
    """Count the threads for decoding and resizing.

    Returns:
        One for each core that this process may use, 32 at most.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(32, usable)


def square_images(
    images: Mapping[str, np.ndarray], size: int | None, name: str, notify: Callable[[str], None] | None
) -> dict[str, np.ndarray]:
    """Resize the images of all splits to one square size.

    Args:
        images: by split, `[N, H, W, C]` uint8 or uint16, of one height and width.
        size: side of the square, in pixels; None: the images' short side.
        name: of the data set, for `notify`.
        notify: called with one line of text if the images change.

    Returns:
        By split, `[N, size, size, C]` of the same dtype; the same arrays if they have that size.
    """
    height, width = next(iter(images.values())).shape[1:3]
    side = min(height, width) if size is None else size
    if (height, width) == (side, side):
        return dict(images)
    if notify:
        how = "cropped to the central square of" if side == min(height, width) else "resized (antialiased) to"
        notify(f"{name}: images of {height}x{width} px {how} {side} px")
    return {split: _square_all(array, side) for split, array in images.items()}


def _square_all(images: np.ndarray, size: int) -> np.ndarray:
    out = np.empty((len(images), size, size, images.shape[-1]), images.dtype)

    def one(index: int) -> None:
        out[index] = square(images[index], size)

    with ThreadPoolExecutor(workers()) as pool:
        for _ in pool.map(one, range(len(images)), chunksize=64):
            pass
    return out


def square(image: np.ndarray, size: int) -> np.ndarray:
    """Resize an image so that its short side has `size` pixels, and keep the central square.

    Bicubic as in Pillow, whose filter is widened by the scale when shrinking (antialiased). Only the central square is
    filtered. Types other than uint8, and images with alpha, are resized as float32, each channel by itself, and keep
    within the image's own lowest and highest value: a cubic filter goes beyond them.

    Args:
        image: `[H, W, C]`, integers or float32.
        size: side of the square, in pixels.

    Returns:
        `[size, size, C]` of the same dtype.
    """
    from PIL import Image

    height, width, channels = image.shape
    if (height, width) == (size, size):
        return image
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)

    def resized(plane: Image.Image) -> np.ndarray:
        return np.asarray(plane.resize((size, size), Image.Resampling.BICUBIC, box=box))

    if image.dtype == np.uint8 and channels in (1, 3):
        plane = image[..., 0] if channels == 1 else image
        return resized(Image.fromarray(np.ascontiguousarray(plane))).reshape(size, size, channels)
    lowest, highest = image.min(), image.max()
    wide = image.dtype.kind in "iu" and image.dtype.itemsize > 2
    base = float(lowest) if wide else 0.0  # float32 holds 24 bits: small differences are kept
    planes = [resized(Image.fromarray(_as_float32(image[..., c], base))) for c in range(channels)]
    values = np.stack(planes, axis=-1)
    if base:
        values = values.astype(np.float64) + base
    # A filter over two values that are too large for it gives no number.
    values = np.nan_to_num(values, nan=float(lowest)) if image.dtype.kind == "f" else np.rint(values)
    return np.clip(values, lowest, highest).astype(image.dtype)


def _as_float32(plane: np.ndarray, base: float) -> np.ndarray:
    return (plane.astype(np.float64) - base if base else plane).astype(np.float32)
