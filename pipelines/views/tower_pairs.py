"""TOWER's pair: an image through an intensity curve and then masked, and the clean image.

Covers: the transform of the published model (Neural Networks 167, 2023): one of its six curves, then a mask; the clean
image is both the target of restoration and the partner of the contrast. Either transform can be left out.
Does not cover: the losses. Masked pixels are 0: the middle grey by default, as in the published script for MedMNIST;
with mean 0 and std 1 they are black.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from torch import Tensor

from fastssl.pipelines.views.bezier import Bezier
from fastssl.pipelines.views.masks import Mask, StripeMask
from fastssl.pipelines.views.view import Parameters


@dataclass(frozen=True)
class TowerPairs(Bezier):
    """Make TOWER's pair: an image through an intensity curve and then masked, and the image itself.

    A batch holds "image" `[B, C, S, S]`, masked pixels at 0, "mask" uint8 `[B, 1, S, S]`, 1 where masked, and "target",
    the clean image. TOWER, Neural Networks 167, 2023.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        curves: "random" control points (Models Genesis), or one of "tower"'s three curves.
        probability: that there is a curve at all; 0 leaves the curves out.
        falling: probability that a curve falls, turning dark to bright.
        mask: `StripeMask` for most data, `RayMask` for fundus photographs, `BlockMask` for CT; None masks nothing, and
            then there is no "mask".

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    horizontal_flip: float = 0.0
    curves: Literal["random", "tower"] = "tower"
    probability: float = 1.0
    mask: Mask | None = field(default_factory=StripeMask)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        """Draw the curves' and the mask's parameters; see `Cropped.draw_task`."""
        masked = {} if self.mask is None else self.mask.draw(seed, epoch, indices, self.size)
        return super().draw_task(seed, epoch, indices) | masked

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Apply curve and mask; see `Cropped.perform`."""
        tables = self.tables(crop, parameters) if self.probability else None
        mask = None if self.mask is None else self.mask.render(crop, parameters)
        pair = {"image": self.transformed(crop, tables=tables, mask=mask), "target": self.transformed(crop)}
        return pair if mask is None else pair | {"mask": mask}
