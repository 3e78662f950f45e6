"""One image as a network sees it, with its truth.

Covers: the record, which channels an image has. Does not cover: reading files (`files.py`), patches (`table.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Channel = Literal["rgb", "grey", "red", "green", "blue"]

_PLANE = {"red": 0, "green": 1, "blue": 2}
_LUMA = (0.299, 0.587, 0.114)
"""Of Rec. 601."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image as a network sees it, and the truth at the size it was drawn in.

    Attributes:
        name: identifies the image among all of its set.
        image: `[H, W, C]` uint8 or uint16, the same for all images of a set.
        mask: `[H, W]` bool, True where there is foreground.
        inside: `[H, W]` bool, the field of view, or None for all of the image.
        truth: the mask as it lies on disk, `[H0, W0]` bool; the same array as `mask` where nothing was resized.
        truth_inside: likewise of the field of view.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    inside: np.ndarray | None
    truth: np.ndarray
    truth_inside: np.ndarray | None

    @classmethod
    def unresized(cls, *, name: str, image: np.ndarray, mask: np.ndarray, inside: np.ndarray | None = None) -> Sample:
        """Make a sample whose truth has the size of its image.

        Args:
            name: identifies the image.
            image: `[H, W, C]` uint8 or uint16.
            mask: `[H, W]` bool.
            inside: `[H, W]` bool, or None.
        """
        return cls(name=name, image=image, mask=mask, inside=inside, truth=mask, truth_inside=inside)


def select_channels(pixels: np.ndarray, channel: Channel) -> np.ndarray:
    """Return the pixels with the channels asked for: `[H, W, 3]` for rgb, else `[H, W, 1]`.

    Args:
        pixels: `[H, W, 1]` or `[H, W, 3]`, of any type. One channel is repeated for rgb and kept for all others.
        channel: grey is the luma of Rec. 601.
    """
    from PIL import Image

    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2) if channel == "rgb" else pixels
    if channel == "grey":
        if pixels.dtype == np.uint8:
            return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
        luma = (pixels @ np.array(_LUMA))[..., None]
        return (luma if pixels.dtype.kind == "f" else np.rint(luma)).astype(pixels.dtype)
    return pixels if channel == "rgb" else pixels[..., _PLANE[channel], None]
