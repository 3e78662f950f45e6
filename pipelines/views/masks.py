"""Which pixels an image loses: blocks or stripes, a stated share of them.

Covers: masks as parameters of a view, exact in their masked share; every one ranks its cells at random and masks cell
after cell until the share is reached, the last one in part where whole cells cannot reach it.
Does not cover: rays, which depend on the image (`ray_mask.py`), nor what becomes of the masked pixels (`masked.py`,
`tower_pairs.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.random import words
from fastssl.pipelines.views.cropped import MASK_STREAM
from fastssl.pipelines.views.view import Parameters


@dataclass(frozen=True)
class Mask(ABC):
    """Say which pixels an image loses.

    Args:
        mask_ratio: the share of pixels that is masked (not kept), between 0 and 1.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    mask_ratio: float

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise ValueError(f"mask_ratio must lie between 0 and 1, got {self.mask_ratio}")

    @abstractmethod
    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        """Draw the parameters of a batch's masks, one row per sample.

        Args:
            seed: of all random numbers.
            epoch: counted from 0.
            indices: int64 `[B]`, which samples of the data set.
            size: side of the square images, in pixels.

        Returns:
            Arrays by name, whose first axis is B.
        """

    @abstractmethod
    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Make the masks of a batch.

        Args:
            crop: `[B, C, S, S]`, uint8, or float32 grey levels in [0, 255].
            parameters: as `draw` returned them, on the crop's device.

        Returns:
            uint8 `[B, 1, S, S]`, 1 where masked.
        """


@dataclass(frozen=True)
class BlockMask(Mask):
    """Mask square blocks of a grid.

    The defaults are TOWER's (Neural Networks 167, 2023), whose argument 0.25 is the share that it keeps.

    Args:
        mask_ratio: the share of pixels that is masked (not kept), between 0 and 1.
        grid: blocks along a side; more than pixels count as many as pixels.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    mask_ratio: float = 0.75
    grid: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid < 1:
            raise ValueError(f"grid must be at least 1, got {self.grid}")

    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        """Draw the order in which blocks are masked; see `Mask.draw`."""
        _, _, sizes = _blocks(size, self.grid)
        ranked = words(seed, epoch, indices, MASK_STREAM, len(sizes))
        return {"masked_before": _masked_before(ranked, sizes, _masked_pixels(self.mask_ratio, sizes))}

    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Mask the blocks that come first; see `Mask.render`."""
        count = _masked_pixels(self.mask_ratio, _blocks(crop.shape[3], self.grid)[2])
        return _cell_mask(crop, parameters["masked_before"], _places(crop.shape[3], self.grid, crop.device), count)


@dataclass(frozen=True)
class StripeMask(Mask):
    """Mask whole rows of pixels, as TOWER does (Neural Networks 167, 2023).

    Args:
        mask_ratio: the share of pixels that is masked (not kept), between 0 and 1.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    mask_ratio: float = 0.25

    def draw(self, seed: int, epoch: int, indices: np.ndarray, size: int) -> Parameters:
        """Draw the order in which rows are masked; see `Mask.draw`."""
        _, _, sizes = _rows(size)
        ranked = words(seed, epoch, indices, MASK_STREAM, size)
        return {"masked_before": _masked_before(ranked, sizes, _masked_pixels(self.mask_ratio, sizes))}

    def render(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Mask the rows that come first; see `Mask.render`."""
        count = _masked_pixels(self.mask_ratio, _rows(crop.shape[3])[2])
        return _cell_mask(crop, parameters["masked_before"], _places(crop.shape[3], None, crop.device), count)


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
        return np.where(ranked <= last, np.int32(0), np.int32(sizes.sum()))
    order = np.argsort(ranked, axis=1)
    ordered = sizes[order]
    before = np.empty(ranked.shape, dtype=np.int32)
    np.put_along_axis(before, order, (ordered.cumsum(axis=1) - ordered).astype(np.int32), axis=1)
    return before


@lru_cache(maxsize=8)
def _places(size: int, grid: int | None, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cell of each pixel and its place within, on the device: of blocks, or of rows where there is no grid."""
    cells, within, _ = _rows(size) if grid is None else _blocks(size, grid)
    return torch.from_numpy(cells).to(device), torch.from_numpy(within).to(device)


def _cell_mask(crop: Tensor, before: Tensor, places: tuple[Tensor, Tensor], count: int) -> Tensor:
    """uint8 `[B, 1, S, S]`: pixels whose place in the masking order comes before `count`."""
    size = crop.shape[3]
    cell, place = places
    masked = before.index_select(1, cell) + place < count
    return masked.view(-1, 1, size, size).to(torch.uint8)
