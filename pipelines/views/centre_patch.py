"""Inpainting of the centre: the middle of the image is missing and is to be restored.

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
    """Take the centre out of an image, for a network to restore.

    A batch holds "image" `[B, C, S, S]`, 0 (the mean) in the patch, "mask" uint8 `[B, 1, S, S]`, 1 in the patch, and
    "target", the whole image. Pathak et al., "Context Encoders", CVPR 2016, their central region.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        patch: the patch's side as a share of the image's, between 0 and 1.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    patch: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.patch < 1 or not 0 < self.side < self.size:
            raise ValueError(f"patch must leave some of the image and take some, got {self.patch} at {self.size} px")

    @property
    def side(self) -> int:
        """The patch's side in pixels."""
        return round(self.patch * self.size)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Set the patch to 0; see `Cropped.perform`."""
        target = self.transformed(crop)
        first = (self.size - self.side) // 2
        middle = slice(first, first + self.side)
        mask = torch.zeros((len(crop), 1, self.size, self.size), dtype=torch.uint8, device=crop.device)
        mask[:, :, middle, middle] = 1
        image = target.clone()
        image[:, :, middle, middle] = 0.0
        return {"image": image, "mask": mask, "target": target}
