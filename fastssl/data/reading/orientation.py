"""Turning an array as the orientation tag of TIFF and EXIF says.

Covers: the eight orientations. Does not cover: images that Pillow turns itself (`through_pillow.py`).
"""

from __future__ import annotations

import numpy as np


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an array so that it is seen upright.

    Args:
        array: `[H, W, ...]`.
        orientation: value of the tag, 1 to 8 (TIFF 6.0, section 8); any other leaves the array as it is.

    Returns:
        A view of the array; height and width change places for 5 to 8.
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
