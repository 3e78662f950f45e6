"""Colour jitter as one affine map per sample, drawn in NumPy.

Covers: brightness, contrast, saturation, hue and greyscale folded into a matrix and an offset, so that an executor
applies one operation whatever the channels; hue and saturation exist for RGB alone.
Does not cover: applying the map (`torch_ops.py`, `dali_ops.py`).

The order is hue, saturation, contrast, brightness, as in DALI's `color_twist` (whose own kernel is never used: on
anything but RGB it corrupts memory, and its matrices are rounded). Hue turns the chrominance plane of YIQ; contrast
turns about mid-grey. torchvision differs: random order, HSV hue, contrast about the image's mean.
"""

from __future__ import annotations

import numpy as np

MID_GREY = 128.0
"""Level that contrast leaves in place, on the scale 0 to 255."""

# NTSC primaries (FCC 1953): rows are luma Y and the chrominance axes I and Q.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_RGB = np.linalg.inv(_YIQ)


def intensity_map(brightness: np.ndarray, contrast: np.ndarray, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Fold brightness and contrast into one affine map, alike in every channel.

    The map is brightness * (contrast * (x - MID_GREY) + MID_GREY).

    Args:
        brightness: factors `[B]`.
        contrast: factors `[B]`.
        channels: number of channels C.

    Returns:
        Matrix `[B, C, C]` and offset `[B, C]`: float32, for levels 0 to 255.
    """
    matrix = (brightness * contrast)[:, None, None] * np.eye(channels)
    offset = np.repeat((brightness * (1 - contrast) * MID_GREY)[:, None], channels, axis=1)
    return matrix.astype(np.float32), offset.astype(np.float32)


def rgb_map(
    brightness: np.ndarray, contrast: np.ndarray, saturation: np.ndarray, hue: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fold hue, saturation, contrast and brightness into one affine map of RGB levels.

    The chrominance plane is turned by the hue and scaled by the saturation, and then comes `intensity_map`.

    Args:
        brightness: factors `[B]`.
        contrast: factors `[B]`.
        saturation: factors `[B]`; 0 gives grey.
        hue: `[B]`, in degrees.

    Returns:
        Matrix `[B, 3, 3]` and offset `[B, 3]`: float32, for levels 0 to 255.
    """
    cos, sin = saturation * np.cos(np.radians(hue)), saturation * np.sin(np.radians(hue))
    turn = np.zeros((len(hue), 3, 3))
    turn[:, 0, 0] = 1.0
    turn[:, 1, 1], turn[:, 1, 2] = cos, -sin
    turn[:, 2, 1], turn[:, 2, 2] = sin, cos
    matrix, offset = intensity_map(brightness, contrast, 3)
    return (matrix @ (_RGB @ turn @ _YIQ)).astype(np.float32), offset
