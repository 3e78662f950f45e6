"""One randomly flipped random crop per image, and nothing else done to it.

Covers: what an autoencoder learns from: its input is its target. Does not cover: two crops of an image
(`two_crops.py`), masks (`masked.py`), nor the unaugmented image (`plain.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from fastssl.pipelines.views.cropped import Cropped


@dataclass(frozen=True)
class RandomCrop(Cropped):
    """Crop and flip at random, and change nothing else.

    A batch holds "image" `[B, C, S, S]`. The default crops keep most of the image.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    scale: tuple[float, float] = (0.6, 1.0)

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Normalise the crop; see `Cropped.perform`."""
        return {"image": self.transformed(crop)}
