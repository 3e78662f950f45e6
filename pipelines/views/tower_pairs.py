"""TOWER's pair: a picture through an intensity curve and then masked, and the clean picture.

Covers: the transform of the published model (Neural Networks 167, 2023): one of its six curves, then a mask; the clean
picture is both the target of restoration and the partner of the contrast.
Does not cover: the losses. TOWER works on [0, 1] and blackens masked pixels: mean 0 and std 1 give just that.
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
    """Yields {"image": curved, masked pixels at 0; "mask": uint8 `[B, 1, S, S]`, 1 where masked; "target": clean}.

    mask: `StripeMask` for most data, `RayMask` for fundus photographs, `BlockMask`.
    """

    horizontal_flip: float = 0.0
    curves: Literal["random", "tower"] = "tower"
    probability: float = 1.0
    mask: Mask = field(default_factory=StripeMask)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        return super().draw_task(seed, epoch, indices) | self.mask.draw(seed, epoch, indices, self.size)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        mask = self.mask.render(crop, parameters)
        image = self.transformed(crop, tables=self.tables(crop, parameters), mask=mask)
        return {"image": image, "mask": mask, "target": self.transformed(crop)}
