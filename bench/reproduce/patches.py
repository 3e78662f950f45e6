"""Patches of fundus photographs to pre-train on.

Covers: CHASE_DB1's first 20 photographs, those of ten children; the other four children are tested on. Does not cover:
masks, other data.

A photograph is resized to a short side of 320 px and cut into patches of 64 px, every 32 px, row by row; patches that
are mostly the black rim, with a mean grey value up to 20, are left out. That leaves 1430.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from fastssl.files import write_atomically

PHOTOGRAPHS = 20
SHORT_SIDE, SIDE, STRIDE = 320, 64, 32
DARKEST = 20.0


def photograph_patches(photograph: np.ndarray) -> np.ndarray:
    """Return the patches of one photograph that show enough of the eye.

    Args:
        photograph: `[H, W, 3]` uint8.

    Returns:
        `[N, 64, 64, 3]` uint8, row by row.
    """
    height, width = photograph.shape[:2]
    corners = [
        (top, left) for top in range(0, height - SIDE + 1, STRIDE) for left in range(0, width - SIDE + 1, STRIDE)
    ]
    patches = np.stack([photograph[top : top + SIDE, left : left + SIDE] for top, left in corners])
    return patches[patches.mean(axis=(1, 2, 3)) > DARKEST]


def read_photograph(path: Path) -> np.ndarray:
    """Return a photograph `[H, W, 3]` uint8 with a short side of 320 px."""
    from PIL import Image

    with Image.open(path) as image:
        scale = SHORT_SIDE / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        return np.array(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def write_patches(folder: Path, path: Path) -> int:
    """Write the patches as `train_images` of an .npz file; equal bytes every time.

    Args:
        folder: of the photographs, `Image_01L.jpg` and so on.
        path: the file, which is left alone where it holds the same already.

    Returns:
        How many patches there are.

    Raises:
        FileNotFoundError: there are fewer photographs.
    """
    names = sorted(folder.glob("Image_*.jpg"))[:PHOTOGRAPHS]
    if len(names) < PHOTOGRAPHS:
        raise FileNotFoundError(f"{folder}: {len(names)} photographs Image_*.jpg, {PHOTOGRAPHS} are needed")
    patches = np.concatenate([photograph_patches(read_photograph(name)) for name in names])
    content = io.BytesIO()
    np.savez(content, train_images=patches)
    if not path.is_file() or path.read_bytes() != content.getvalue():
        write_atomically(path, content.getvalue())
    return len(patches)
