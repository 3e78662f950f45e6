"""Anti-aliased drawing of thick line segments.

Covers: many segments with round ends (capsules) in many images at once. Does not cover: what they depict (`scenes.py`).
"""

from __future__ import annotations

import numpy as np


def stamp_capsules(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, radius: np.ndarray) -> None:
    """Draw segments with round ends, in place, keeping the greatest coverage at each pixel.

    Each segment is computed only in the square of pixels around it, so the cost does not grow with the image's area
    times the number of segments.

    Args:
        canvas: float32 `[B, S, S]`, coverage from 0 to 1.
        start: `[B, M, 2]` (x, y), from -1 at the left and upper edges of the canvas to 1 at the others.
        end: likewise.
        radius: `[B, M]`, in the same unit.
    """
    size = canvas.shape[-1]
    a, b = (((points + 1) * (size / 2) - 0.5).astype(np.float32) for points in (start, end))
    r = (radius * (size / 2)).astype(np.float32)
    reach = np.abs(b - a).max(axis=-1) / 2 + r + 1
    middle = (a + b) / 2
    visible = np.nonzero(((middle > -reach[..., None]) & (middle < size + reach[..., None])).all(axis=-1))
    a, b, r, middle = a[visible], b[visible], r[visible][:, None, None], middle[visible]
    width = 2 * int(np.ceil(reach[visible].max(initial=0))) + 1
    corner = np.round(middle).astype(np.int32) - width // 2
    x, y = (corner[:, axis, None] + np.arange(width, dtype=np.int32) for axis in (0, 1))
    # Distance from each pixel (x along the last axis, y along the one before) to its nearest point on the segment.
    dx, dy = (x - a[:, 0, None])[:, None, :], (y - a[:, 1, None])[:, :, None]
    abx, aby = (b - a)[:, 0, None, None], (b - a)[:, 1, None, None]
    length2 = abx * abx + aby * aby + np.float32(1e-6)
    along = np.clip(dx * (abx / length2) + dy * (aby / length2), 0, 1)
    distance = np.sqrt((dx - along * abx) ** 2 + (dy - along * aby) ** 2)
    coverage = np.clip(r - distance + np.float32(0.5), 0, 1)
    touched = ((x >= 0) & (x < size))[:, None, :] & ((y >= 0) & (y < size))[:, :, None] & (coverage > 0)
    row = visible[0].astype(np.int32)[:, None] * size + y
    np.maximum.at(canvas.reshape(-1), (row[:, :, None] * size + x[:, None, :])[touched], coverage[touched])
