"""Inpainting of the centre: the middle of the picture is missing and is to be restored.

Covers: one centred square (Pathak et al., "Context Encoders", CVPR 2016, its central region of half the side).
Does not cover: masks elsewhere (`masks.py`, `masked.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fastssl.pipelines.views.cropped import Cropped


@dataclass(frozen=True)
class CentrePatch(Cropped):
    """Yields {"image": with the patch at 0, the mean; "mask": uint8 `[B, 1, S, S]`, 1 in the patch; "target"}.

    patch: the patch's side as a share of the picture's.
    """

    patch: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.patch < 1 or not 0 < self.side < self.size:
            raise ValueError(f"patch must leave some of the picture and take some, got {self.patch} at {self.size} px")

    @property
    def side(self) -> int:
        """The patch's side in pixels."""
        return round(self.patch * self.size)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        target = self.transformed(crop)
        first = (self.size - self.side) // 2
        middle = slice(first, first + self.side)
        mask = torch.zeros((len(crop), 1, self.size, self.size), dtype=torch.uint8, device=crop.device)
        mask[:, :, middle, middle] = 1
        image = target.clone()
        image[:, :, middle, middle] = 0.0
        return {"image": image, "mask": mask, "target": target}
