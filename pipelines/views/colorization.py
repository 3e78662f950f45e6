"""Colorization: a grey image in, its colours as the target.

Covers: RGB images. Does not cover: grey images, which have no colours to restore; a recipe leaves the task out there.
Target space (RGB) and luma weights are our choice; the published endoscopy study (Nezhad et al., PLOS One 20(5), 2025)
does not state its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from fastssl.pipelines.views.cropped import Cropped

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601 weights of red, green and blue."""


@dataclass(frozen=True)
class Colorization(Cropped):
    """Show a network the luma of an image, for it to restore the colours.

    A batch holds "image", the luma in all three channels, and "target", the image in colour, both `[B, 3, S, S]`.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 3 (RGB).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels != 3:
            raise ValueError(f"colorization needs RGB images (channels=3), got {self.channels}: leave this task out")

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make the luma; see `Cropped.perform`."""
        luma = LUMA[0] * crop[:, :1]
        for channel in (1, 2):
            luma.add_(crop[:, channel : channel + 1], alpha=LUMA[channel])
        # One channel, which becomes three as it is normalised, or, where all are alike, as it is copied out.
        image = self.normalised(luma).expand(-1, 3, -1, -1)
        return {"image": image, "target": self.transformed(crop)}
