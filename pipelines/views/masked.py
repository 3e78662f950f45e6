"""Inpainting under a random mask: masked image in, the image itself as the target.

Covers: any of the masks. Does not cover: a change of intensities besides (`tower_pairs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from fastssl.pipelines.views.cropped import Cropped
from fastssl.pipelines.views.masks import BlockMask, Mask
from fastssl.pipelines.views.view import Parameters


@dataclass(frozen=True)
class Masked(Cropped):
    """Mask a random part of an image, for a network to restore.

    A batch holds "image" `[B, C, S, S]`, masked pixels at 0 (the mean), "mask" uint8 `[B, 1, S, S]`, 1 where masked,
    and "target", the whole image.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        mask: which pixels are masked: `BlockMask`, `StripeMask` or `RayMask`.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    mask: Mask = field(default_factory=BlockMask)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        """Draw the mask's parameters; see `Cropped.draw_task`."""
        return self.mask.draw(seed, epoch, indices, self.size)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Apply the mask; see `Cropped.perform`."""
        mask = self.mask.render(crop, parameters)
        return {"image": self.transformed(crop, mask=mask), "mask": mask, "target": self.transformed(crop)}
