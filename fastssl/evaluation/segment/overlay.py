"""Pictures of what was found: image, truth and prediction side by side.

Covers: colouring hits, false alarms and misses, writing PNGs. Does not cover: choosing which images are shown.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from fastssl.files import write_atomically

# Told apart in every common kind of colour blindness (Okabe and Ito).
HIT, FALSE_ALARM, MISS = (0, 158, 115), (230, 159, 0), (86, 180, 233)
LEGEND = "hits green, false alarms orange, misses blue"

GAP = 8
LONGEST_SIDE, READABLE_SIDE = 1024, 256
"""Pixels; larger images are shown smaller and small ones larger, by whole factors."""
_DIMMED = 0.6


def overlay(image: np.ndarray, found: np.ndarray, truth: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    """Return the image dimmed, with hits, false alarms and misses in colour: uint8 `[H, W, 3]`.

    Args:
        image: `[H, W, C]` uint8 or uint16, C 1 or 3.
        found: `[H, W]` bool, the prediction.
        truth: `[H, W]` bool.
        inside: `[H, W]` bool, the field of view, outside of which nothing is coloured; None: all of the image.
    """
    picture = (_as_rgb(image) * _DIMMED).astype(np.uint8)
    seen = np.ones_like(truth) if inside is None else inside
    for colour, where in ((HIT, found & truth), (FALSE_ALARM, found & ~truth), (MISS, ~found & truth)):
        picture[where & seen] = colour
    return picture


def write_overlay(
    path: Path, image: np.ndarray, found: np.ndarray, truth: np.ndarray, inside: np.ndarray | None = None
) -> None:
    """Write a PNG: the image, the truth in white on black, and the overlay, from left to right; atomically.

    Args:
        path: of the file; folders are made as needed.
        image: as for `overlay`, and so are the others.
        found: the prediction.
        truth: the truth.
        inside: the field of view, or None.
    """
    from PIL import Image

    white = np.repeat(np.where(truth, 255, 0).astype(np.uint8)[..., None], 3, axis=2)
    gap = np.full((truth.shape[0], GAP, 3), 255, np.uint8)
    sheet = Image.fromarray(np.hstack([_as_rgb(image), gap, white, gap, overlay(image, found, truth, inside)]))
    smaller, larger = -(-max(truth.shape) // LONGEST_SIDE), max(1, READABLE_SIDE // max(truth.shape))
    content = io.BytesIO()
    sheet = sheet.reduce(smaller)
    sheet = sheet.resize((sheet.width * larger, sheet.height * larger), Image.Resampling.NEAREST)
    sheet.save(content, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 3]` of uint8 or uint16 `[H, W, 1 or 3]`."""
    eight = (image // 257).astype(np.uint8) if image.dtype == np.uint16 else image
    return np.repeat(eight, 3, axis=2) if eight.shape[2] == 1 else eight
