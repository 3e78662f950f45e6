"""Inpainting under a random mask: masked picture in, the picture itself as the target.

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
    """Yields {"image": masked pixels at 0, the mean; "mask": uint8 `[B, 1, S, S]`, 1 where masked; "target"}."""

    scale: tuple[float, float] = (1.0, 1.0)
    mask: Mask = field(default_factory=BlockMask)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        return self.mask.draw(seed, epoch, indices, self.size)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        mask = self.mask.render(crop, parameters)
        return {"image": self.transformed(crop, mask=mask), "mask": mask, "target": self.transformed(crop)}
