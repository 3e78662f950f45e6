"""Turning an array as the orientation tag of TIFF and EXIF says.

Covers: the tag of a file that Pillow has opened, the eight orientations. Does not cover: images that Pillow turns
itself (`through_pillow.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

TAG = 0x0112


def orientation_of(image: Image) -> int:
    """Return the orientation that an image's EXIF states, 1 to 8; 1 where it states none.

    Args:
        image: as Pillow opened it.
    """
    return known_orientation(image.getexif().get(TAG))


def known_orientation(stated: object) -> int:
    """Return the value of an orientation tag, 1 where it is none of 1 to 8.

    Args:
        stated: the value, of whatever type.
    """
    return int(stated) if isinstance(stated, int) and 1 <= stated <= 8 else 1


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
