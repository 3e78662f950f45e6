"""One randomly cropped and flipped picture per image, and nothing else done to it.

Covers: what an autoencoder learns from: its input is its target. Does not cover: two pictures of an image
(`two_crops.py`), masks (`masked.py`), nor the unaugmented picture (`plain.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from fastssl.pipelines.views.cropped import Cropped


@dataclass(frozen=True)
class RandomCrop(Cropped):
    """Yields {"image": `[B, C, S, S]`}. The default crops keep most of the image."""

    scale: tuple[float, float] = (0.6, 1.0)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"image": self.transformed(crop)}
