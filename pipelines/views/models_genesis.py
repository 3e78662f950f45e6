"""Models Genesis: an image deformed in up to three ways in, the image itself as the target.

Covers: local shuffling, a Bezier curve, and in- or out-painting with noise, in that order, on 2D images (Zhou et al.,
"Models Genesis", Medical Image Analysis 67, 2021).
Does not cover: volumes; nor shuffling by ten thousand windows one after another, of which only the last one over each
pixel shows: here every pixel reads from a random place of a random window over it, drawn as that last one would be.
Neighbours' draws are independent, so that a window's pixels are sampled with replacement instead of permuted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.ops.curves import look_up
from fastssl.pipelines.ops.noise import pixel_uniform
from fastssl.pipelines.random import keys, uniform
from fastssl.pipelines.views.bezier import Bezier
from fastssl.pipelines.views.cropped import MASK_STREAM, PIXEL_STREAM
from fastssl.pipelines.views.view import Parameters

MAX_BOXES = 5
ANOTHER_BOX = 0.95  # probability of each box after the first
BORDER = 3  # pixels between a box and the image's edge


@dataclass(frozen=True)
class ModelsGenesis(Bezier):
    """Deform an image in up to three ways, for a network to restore it.

    A batch holds "image" `[B, C, S, S]`, deformed, "mask" uint8 `[B, 1, S, S]`, 1 where there is noise, and "target",
    the image itself. Noise is uniform over all grey levels, per pixel and channel. There is always a first box of
    noise, and each further one, up to five, follows with probability 0.95. Zhou et al., "Models Genesis", Medical Image
    Analysis 67, 2021.

    Args:
        size: side of the square output, at least 14 pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        curves: "random" control points (Models Genesis), or one of "tower"'s three curves.
        probability: that there is a curve at all.
        falling: probability that a curve falls, turning dark to bright.
        shuffle: probability of local shuffling, in windows of up to a tenth of the side.
        paint: probability of noise.
        inside: share of the noise that goes into boxes (in-painting) and not around them (out-painting).

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    horizontal_flip: float = 0.4
    shuffle: float = 0.5
    paint: float = 0.9
    inside: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("shuffle", "paint", "inside"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, got {getattr(self, name)}")
        if self.size < 14:
            raise ValueError(f"size must be at least 14 px for painted boxes to fit, got {self.size}")

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        """Draw what is done to each image; see `Cropped.draw_task`.

        Returns:
            Besides the curve's: `shuffled`, `painted` and `in_boxes`, bool `[B]`; `boxes`, float32 `[B, 5, 2, 2]`, each
            (start, stop) in (y, x), in pixels, empty where there is none; `key`, int64 `[B]`, of the pixels' random
            numbers.
        """
        u = uniform(seed, epoch, indices, MASK_STREAM, 3 + 5 * MAX_BOXES)
        shuffled, painted, in_boxes = (u[:, :3] < (self.shuffle, self.paint, self.inside)).T
        return {
            **super().draw_task(seed, epoch, indices),
            "shuffled": shuffled,
            "painted": painted,
            "in_boxes": in_boxes,
            "boxes": self._draw_boxes(u[:, 3:].reshape(-1, MAX_BOXES, 5), in_boxes),
            "key": keys(seed, epoch, indices, PIXEL_STREAM).view(np.int64),
        }

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shuffle, apply the curve, add noise; see `Cropped.perform`."""
        pixels = self.size**2
        u = pixel_uniform(parameters["key"], (6 + self.channels) * pixels)
        shuffled = self._shuffle(crop, u[:, : 6 * pixels], parameters["shuffled"])
        curved = look_up(shuffled, self.tables(shuffled, parameters))
        noise = 255.0 * u[:, 6 * pixels :].reshape(crop.shape)
        mask = self._noise_mask(parameters)
        image = self.normalised(torch.where(mask, noise, curved))
        return {"image": image, "mask": mask.to(torch.uint8), "target": self.transformed(crop)}

    def _draw_boxes(self, u: np.ndarray, in_boxes: np.ndarray) -> np.ndarray:
        """Sides: s/6 to s/3 in-, 3s/7 to 4s/7 out-painting. u: `[B, boxes, 5]`: another box?, its sides, its corner."""
        low = np.where(in_boxes, self.size / 6, 3 * self.size / 7)[:, None, None]
        high = np.where(in_boxes, self.size / 3, 4 * self.size / 7)[:, None, None]
        sides = np.floor(low + u[:, :, 1:3] * (high - low))
        start = BORDER + np.floor(u[:, :, 3:] * (self.size - 2 * BORDER - sides + 1))
        there = np.logical_and.accumulate(
            np.concatenate([np.ones_like(u[:, :1, 0], dtype=bool), u[:, 1:, 0] < ANOTHER_BOX], axis=1), axis=1
        )
        return np.stack([start, start + sides * there[:, :, None]], axis=2).astype(np.float32)

    def _shuffle(self, crop: Tensor, u: Tensor, shuffled: Tensor) -> Tensor:
        """Pixels from nearby, where `shuffled`. u: `[B, 6 * S * S]`: window, place in it and source, y and x."""
        batch, channels, size, _ = crop.shape
        side, place, source = u.view(batch, 3, 2, size, size).unbind(1)
        largest = max(1, size // 10)
        # Large windows cover a pixel more often: sides 1 to m are drawn with weights 1 to m, by inverting their sum.
        side = (((1.0 + 4.0 * largest * (largest + 1) * side).sqrt() - 1.0) / 2).ceil().clamp_(min=1.0)
        shift = ((source * side).floor() - (place * side).floor()).long() * shuffled[:, None, None, None]
        axis = torch.arange(size, device=crop.device)
        y = (axis[:, None] + shift[:, 0]).clamp_(0, size - 1)
        x = (axis + shift[:, 1]).clamp_(0, size - 1)
        stored = crop.permute(0, 2, 3, 1).reshape(batch, size * size, channels)
        moved = stored.gather(1, (y * size + x).view(batch, -1, 1).expand(-1, -1, channels))
        return moved.view(batch, size, size, channels).permute(0, 3, 1, 2)

    def _noise_mask(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Where there is noise: bool `[B, 1, S, S]`."""
        start, stop = parameters["boxes"].unbind(2)
        axis = torch.arange(self.size, device=start.device)
        within = (axis >= start[..., None]) & (axis < stop[..., None])
        boxed = (within[:, :, 0, :, None] & within[:, :, 1, None, :]).any(dim=1, keepdim=True)
        in_boxes, painted = (parameters[name][:, None, None, None] for name in ("in_boxes", "painted"))
        return (boxed == in_boxes) & painted
