"""Rays from the brightest point of an image, masked up to a stated share of its pixels.

Covers: TOWER's mask for fundus photographs (Neural Networks 167, 2023), exact in its masked share.
Does not cover: masks that do not depend on the image (`masks.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.ops import torch_ops
from fastssl.pipelines.random import words
from fastssl.pipelines.views.cropped import MASK_STREAM
from fastssl.pipelines.views.masks import Mask
from fastssl.pipelines.views.view import Parameters

_KEPT, _MASKED, _IN_PART = 0, 1, 2


@dataclass(frozen=True)
class RayMask(Mask):
    """Mask rays from the brightest point of the blurred image.

    As TOWER masks vessels around the optic disc (Neural Networks 167, 2023). TOWER draws all its rays, so that its
    share varies; here rays are masked in random order until the share is reached, and the gaps between them only if all
    rays do not suffice.

    Args:
        mask_ratio: the share of pixels that is masked (not kept), between 0 and 1.
        num_rays: evenly spaced directions, turned together at random.
        thickness: of a ray, as a share of the image's side (TOWER: 4 px of 224).

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    mask_ratio: float = 0.5
    num_rays: int = 80
    thickness: float = 4 / 224

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_rays < 1:
            raise ValueError(f"num_rays must be at least 1, got {self.num_rays}")
        if self.thickness <= 0:
            raise ValueError(f"thickness must be above 0, got {self.thickness}")

    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        """Draw the rays' angle and order; see `Mask.draw`.

        Returns:
            `turn`, float32 `[B]` in [0, 1) of the angle between rays; `cell_order`, int64 `[B, 2 R]`, rays before gaps.
        """
        drawn = words(seed, epoch, indices, MASK_STREAM, 2 * self.num_rays + 1)
        rays, gaps = (np.argsort(part, axis=1) for part in np.split(drawn[:, 1:], 2, axis=1))
        turn = (drawn[:, 0] >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return {"turn": turn, "cell_order": np.concatenate([rays, gaps + self.num_rays], axis=1)}

    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Mask rays from each image's brightest point; see `Mask.render`."""
        batch, _, size, _ = crop.shape
        cells = self._cells(brightest_points(crop), parameters["turn"], size)
        states, rest = _fill(cells, parameters["cell_order"], round(self.mask_ratio * size * size))
        state = states.gather(1, cells)
        in_part = state == _IN_PART
        masked = (state == _MASKED) | (in_part & (in_part.cumsum(1, dtype=torch.int32) <= rest))
        return masked.view(batch, 1, size, size).to(torch.uint8)

    def _cells(self, centre: Tensor, turn: Tensor, size: int) -> Tensor:
        """Cell of each pixel, int64 `[B, S * S]`: its ray's number, or num_rays more in the gap beside that ray.

        centre: `[B, 2]`, (y, x) in whole pixels.
        """
        direction, width = _around(size, self.num_rays, 0.5 * self.thickness * size, centre.device)
        span = 2 * size - 1
        axis = torch.arange(size, device=centre.device)
        pixel = (axis[:, None] * span + axis).flatten()
        first = (size - 1 - centre[:, 0]) * span + (size - 1 - centre[:, 1])
        around = (first[:, None] + pixel).flatten()
        # index_select takes a quarter of the time of direction[around].
        turned = direction.index_select(0, around).view(len(turn), -1).add_(turn[:, None])
        ray = turned.floor()
        in_gap = turned.sub_(ray).sub_(0.5).abs_() > width.index_select(0, around).view_as(ray)
        return ray.remainder_(self.num_rays).add_(in_gap, alpha=self.num_rays).long()


@lru_cache(maxsize=8)
def _around(size: int, num_rays: int, reach: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Direction of, and half-width of a ray at, every offset (dy, dx) from the centre, in angles between rays.

    Both float32, flattened from `[2 S - 1, 2 S - 1]`. The half-width is how far from a ray's own direction a pixel at
    that distance still lies within `reach` pixels of it.
    """
    offset = np.arange(1 - size, size)
    dy, dx = offset[:, None], offset[None, :]
    direction = np.arctan2(dy, dx) * (num_rays / (2 * math.pi))
    distance = np.maximum(np.hypot(dy, dx), reach)
    width = np.arcsin(reach / distance) * (num_rays / (2 * math.pi))
    width = np.where(distance > reach, width, np.inf)
    tables = [torch.from_numpy(table.astype(np.float32).ravel()).to(device) for table in (direction, width)]
    return tables[0], tables[1]


def _fill(cells: Tensor, order: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mask `count` pixels of each sample, cell after cell.

    cells: int64 `[B, P]`, each pixel's cell. order: int64 `[B, cells]`. Returns uint8 `[B, cells]`: is a cell kept,
    masked, or masked in part; and int64 `[B, 1]`: the pixels to mask of the one that is masked in part.
    """
    sizes = torch.zeros_like(order).scatter_add_(1, cells, torch.ones_like(cells))
    full = sizes.gather(1, order).cumsum(1)
    before = full - sizes.gather(1, order)
    in_turn = torch.where(full <= count, _MASKED, torch.where(before < count, _IN_PART, _KEPT)).to(torch.uint8)
    rest = count - torch.where(full <= count, full, 0).amax(1, keepdim=True)
    return torch.empty_like(in_turn).scatter_(1, order, in_turn), rest


def brightest_points(crop: Tensor) -> Tensor:
    """Find the brightest pixel of the mean channel, blurred (sigma 3.5 px at 224): (y, x), int64 `[B, 2]`."""
    size = crop.shape[3]
    grey = crop.to(torch.float32).mean(dim=1, keepdim=True).contiguous()
    sigma = 3.5 * size / 224
    blurred = torch_ops.blur(grey, torch.full((len(crop),), sigma, device=crop.device), sigma, 0.0)
    brightest = blurred.flatten(1).argmax(dim=1)
    return torch.stack([torch.div(brightest, size, rounding_mode="floor"), brightest % size], dim=1)
