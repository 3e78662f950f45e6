"""Where output pixels come from: crop boxes, flips and rotations, drawn in NumPy.

Covers: the random resized crop (torchvision's rule: up to ten tries for a box inside the image), flips folded into a
box by exchanging its start and stop, and the affine matrix of a rotated box.
Does not cover: sampling pixels (`torch_ops.py`, `dali_ops.py`).
"""

from __future__ import annotations

import math

import numpy as np

CROP_TRIES = 10
CROP_SLOTS = 2 * CROP_TRIES + 2  # area and aspect of each try, then the corner


def check_crop(scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    """Raise ValueError unless both are ranges that boxes can be drawn from."""
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"scale must satisfy 0 < low <= high <= 1, got {scale}")
    if not 0 < ratio[0] <= ratio[1]:
        raise ValueError(f"ratio must satisfy 0 < low <= high, got {ratio}")


def whole_images(count: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return (start, stop) of boxes that span the image: float32 `[count, 2]`."""
    stop = np.tile(np.array(shape, dtype=np.float32), (count, 1))
    return np.zeros_like(stop), stop


def draw_boxes(
    u: np.ndarray, shape: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Place random crop boxes with whole-pixel corners.

    Falls back to the largest centred box of an allowed ratio.

    Args:
        u: uniform numbers `[B, CROP_SLOTS]`.
        shape: (H, W) of the image.
        scale: range of the box's share of the image area.
        ratio: range of width / height, drawn log-uniformly.

    Returns:
        (start, stop): float32 `[B, 2]` in (y, x) order, in pixels, stop exclusive.
    """
    height, width = shape
    areas, ratios, corner = u[:, :CROP_TRIES], u[:, CROP_TRIES : 2 * CROP_TRIES], u[:, 2 * CROP_TRIES :]
    areas = height * width * (scale[0] + (scale[1] - scale[0]) * areas)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    ratios = np.exp(low + (high - low) * ratios)
    tried = np.stack(
        [np.rint(np.sqrt(areas / ratios)), np.rint(np.sqrt(areas * ratios))], axis=-1
    )  # [B, tries, (h, w)]
    fits = np.all((tried >= 1) & (tried <= (height, width)), axis=-1)
    first = fits.argmax(axis=1)
    extent = tried[np.arange(len(u)), first]
    start = np.floor(corner * (np.array(shape) - extent + 1))

    fallback = np.array(_largest_box(shape, ratio))
    failed = ~fits.any(axis=1)[:, None]
    extent = np.where(failed, fallback, extent)
    start = np.where(failed, (np.array(shape) - fallback) // 2, start)
    return start.astype(np.float32), (start + extent).astype(np.float32)


def _largest_box(shape: tuple[int, int], ratio: tuple[float, float]) -> tuple[int, int]:
    """(height, width) of the largest box whose aspect lies within `ratio`."""
    height, width = shape
    if width / height < ratio[0]:
        return max(1, min(height, round(width / ratio[0]))), width
    if width / height > ratio[1]:
        return height, max(1, min(width, round(height * ratio[1])))
    return height, width


def flip_boxes(start: np.ndarray, stop: np.ndarray, flips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror where `flips` (bool `[B, 2]`, (y, x)) says so: a box read from its stop to its start."""
    return np.where(flips, stop, start), np.where(flips, start, stop)


def rotated_boxes(start: np.ndarray, stop: np.ndarray, degrees: np.ndarray, size: int) -> np.ndarray:
    """Compute the affine matrices that read boxes turned about their centres.

    Args:
        start: `[B, 2]` box corners (y, x), in pixels.
        stop: `[B, 2]` opposite corners.
        degrees: `[B]`, counter-clockwise.
        size: side of the output, in pixels.

    Returns:
        Float32 `[B, 2, 3]`: output (x, y) to source (x, y), pixel centres at half-integers.
    """
    centre, step = (start + stop) / 2, (stop - start) / size
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # Turning the image counter-clockwise (y points down) means reading the source along the clockwise axes.
    linear = np.empty((len(start), 2, 2))
    linear[:, 0, 0], linear[:, 0, 1] = cos * step[:, 1], -sin * step[:, 0]
    linear[:, 1, 0], linear[:, 1, 1] = sin * step[:, 1], cos * step[:, 0]
    shift = centre[:, ::-1] - linear.sum(axis=2) * (size / 2)
    return np.concatenate([linear, shift[:, :, None]], axis=2).astype(np.float32)
