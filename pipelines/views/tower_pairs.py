"""TOWER's pair: a picture through an intensity curve and then masked, and the clean picture.

Covers: the transform of the published model (Neural Networks 167, 2023): one of its six curves, then a mask; the clean
picture is both the target of restoration and the partner of the contrast. Either transform can be left out.
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
    """Yields {"image": curved, masked pixels at 0; "mask": uint8 `[B, 1, S, S]`, 1 where masked; "target": clean}.

    mask: `StripeMask` for most data, `RayMask` for fundus photographs, `BlockMask` for CT; None masks nothing, and then
    there is no "mask". probability: 0 leaves the curves out.
    """

    horizontal_flip: float = 0.0
    curves: Literal["random", "tower"] = "tower"
    probability: float = 1.0
    mask: Mask | None = field(default_factory=StripeMask)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        masked = {} if self.mask is None else self.mask.draw(seed, epoch, indices, self.size)
        return super().draw_task(seed, epoch, indices) | masked

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        tables = self.tables(crop, parameters) if self.probability else None
        mask = None if self.mask is None else self.mask.render(crop, parameters)
        pair = {"image": self.transformed(crop, tables=tables, mask=mask), "target": self.transformed(crop)}
        return pair if mask is None else pair | {"mask": mask}
