"""Which pixels a picture loses: blocks, stripes or rays, a stated share of them.

Covers: masks as parameters of a view, exact in their masked share; every one ranks its cells at random and masks cell
after cell until the share is reached, the last one in part where whole cells cannot reach it.
Does not cover: what becomes of the masked pixels (`masked.py`, `tower_pairs.py`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.ops import planes
from fastssl.pipelines.random import words
from fastssl.pipelines.views.cropped import MASK_STREAM
from fastssl.pipelines.views.view import Parameters


@dataclass(frozen=True)
class Mask(ABC):
    """mask_ratio: the share of pixels that is masked (not kept)."""

    mask_ratio: float

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise ValueError(f"mask_ratio must lie between 0 and 1, got {self.mask_ratio}")

    @abstractmethod
    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        """The mask's parameters, one row per sample, for pictures of `size` pixels a side."""

    @abstractmethod
    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """uint8 `[B, 1, S, S]`, 1 where masked. crop: uint8 or float32 grey levels `[B, C, S, S]`."""


@dataclass(frozen=True)
class BlockMask(Mask):
    """Square blocks of a grid. The defaults are TOWER's, whose argument 0.25 is the share it *keeps*.

    grid: blocks along a side; no more than pixels.
    """

    mask_ratio: float = 0.75
    grid: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid < 1:
            raise ValueError(f"grid must be at least 1, got {self.grid}")

    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        _, _, sizes = _blocks(size, self.grid)
        ranked = words(seed, epoch, indices, MASK_STREAM, len(sizes))
        return {"masked_before": _masked_before(ranked, sizes, _masked_pixels(self.mask_ratio, sizes))}

    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        cells, within, sizes = _blocks(crop.shape[3], self.grid)
        return _cell_mask(crop, parameters["masked_before"], cells, within, _masked_pixels(self.mask_ratio, sizes))


@dataclass(frozen=True)
class StripeMask(Mask):
    """Whole rows of pixels, as in TOWER (default share 0.25)."""

    mask_ratio: float = 0.25

    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        _, _, sizes = _rows(size)
        ranked = words(seed, epoch, indices, MASK_STREAM, size)
        return {"masked_before": _masked_before(ranked, sizes, _masked_pixels(self.mask_ratio, sizes))}

    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        cells, within, sizes = _rows(crop.shape[3])
        return _cell_mask(crop, parameters["masked_before"], cells, within, _masked_pixels(self.mask_ratio, sizes))


@dataclass(frozen=True)
class RayMask(Mask):
    """Rays from the brightest point of the blurred picture, as TOWER masks vessels around the optic disc.

    num_rays: evenly spaced directions, turned together at random; rays are masked in random order until the share is
    reached, and the gaps between them only if all rays do not suffice. thickness: as a share of the picture's side
    (TOWER: 4 px). TOWER draws all its rays, so that its share varies; here the share is exact.
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
        """`turn` float32 `[B]` in [0, 1) of the angle between rays; `cell_order` int64 `[B, 2 R]`, rays before gaps."""
        drawn = words(seed, epoch, indices, MASK_STREAM, 2 * self.num_rays + 1)
        rays, gaps = (np.argsort(part, axis=1) for part in np.split(drawn[:, 1:], 2, axis=1))
        turn = (drawn[:, 0] >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return {"turn": turn, "cell_order": np.concatenate([rays, gaps + self.num_rays], axis=1)}

    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        batch, _, size, _ = crop.shape
        cells = self._cells(brightest_points(crop), parameters["turn"], size)
        order = parameters["cell_order"]
        sizes = torch.zeros_like(order).scatter_add_(1, cells, torch.ones_like(cells)).gather(1, order)
        before = torch.empty_like(order).scatter_(1, order, sizes.cumsum(1) - sizes).gather(1, cells)
        full = torch.empty_like(order).scatter_(1, order, sizes.cumsum(1)).gather(1, cells)
        count = round(self.mask_ratio * size * size)
        in_part = (before < count) & (full > count)
        masked = (full <= count) | (in_part & (before + in_part.cumsum(1) <= count))
        return masked.view(batch, 1, size, size).to(torch.uint8)

    def _cells(self, centre: Tensor, turn: Tensor, size: int) -> Tensor:
        """Cell of each pixel, int64 `[B, S * S]`: its ray's number, or num_rays more in the gap beside that ray."""
        axis = torch.arange(size, device=centre.device, dtype=torch.float32)
        dy, dx = (axis - centre[:, :1])[:, :, None], (axis - centre[:, 1:])[:, None, :]
        direction = torch.atan2(dy, dx) * (self.num_rays / (2 * math.pi)) + turn[:, None, None]
        ray = direction.floor()
        off_ray = torch.hypot(dy, dx) * ((direction - ray - 0.5) * (2 * math.pi / self.num_rays)).sin_().abs_()
        in_gap = off_ray > 0.5 * self.thickness * size
        return (ray.remainder_(self.num_rays).long() + self.num_rays * in_gap).flatten(1)


def brightest_points(crop: Tensor) -> Tensor:
    """(y, x) of the brightest pixel of the mean channel, blurred (sigma 3.5 px at 224): float32 `[B, 2]`."""
    size = crop.shape[3]
    grey = crop.to(torch.float32).mean(dim=1, keepdim=True).contiguous()
    sigma = 3.5 * size / 224
    blurred = planes.blur(grey, torch.full((len(crop),), sigma, device=crop.device), sigma, 0.0)
    brightest = blurred.flatten(1).argmax(dim=1)
    return torch.stack([torch.div(brightest, size, rounding_mode="floor"), brightest % size], dim=1).to(torch.float32)


@lru_cache(maxsize=8)
def _blocks(size: int, grid: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Block of each pixel and its place within, int64 `[size * size]`, and the blocks' sizes in pixels."""
    block = np.arange(size) * min(grid, size) // size
    cells = (block[:, None] * min(grid, size) + block).reshape(-1)
    sizes = np.bincount(cells)
    order = np.argsort(cells, kind="stable")
    within = np.empty_like(cells)
    within[order] = np.arange(size * size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return cells, within, sizes


@lru_cache(maxsize=8)
def _rows(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_blocks`, each row of pixels one cell."""
    return np.repeat(np.arange(size), size), np.tile(np.arange(size), size), np.full(size, size)


def _masked_pixels(ratio: float, sizes: np.ndarray) -> int:
    """Pixels to mask: whole cells if all are of one size, else the share to the pixel."""
    if (sizes == sizes[0]).all():
        return round(ratio * len(sizes)) * int(sizes[0])
    return round(ratio * int(sizes.sum()))


def _masked_before(ranked: np.ndarray, sizes: np.ndarray, count: int) -> np.ndarray:
    """How many pixels are masked before each cell's first, by ascending rank (all, if never): int32 `[B, cells]`."""
    whole, rest = divmod(count, int(sizes[0]))
    if rest == 0 and (sizes == sizes[0]).all() and 0 < whole < len(sizes):
        # Whole cells need no order among themselves: a partition takes a quarter of a sort's time (1024 cells).
        last = np.partition(ranked, whole - 1, axis=1)[:, whole - 1 : whole]
        return np.where(ranked <= last, 0, sizes.sum()).astype(np.int32)
    order = np.argsort(ranked, axis=1)
    ordered = sizes[order]
    before = np.empty(ranked.shape, dtype=np.int32)
    np.put_along_axis(before, order, (ordered.cumsum(axis=1) - ordered).astype(np.int32), axis=1)
    return before


def _cell_mask(crop: Tensor, before: Tensor, cells: np.ndarray, within: np.ndarray, count: int) -> Tensor:
    """uint8 `[B, 1, S, S]`: pixels whose place in the masking order comes before `count`."""
    size = crop.shape[3]
    cell, place = (torch.from_numpy(values).to(before.device) for values in (cells, within))
    masked = before.index_select(1, cell) + place < count
    return masked.view(-1, 1, size, size).to(torch.uint8)
