"""Jigsaw: the image's tiles are shuffled; the network names the order or restores the image.

Covers: 2 x 2 with all 24 orders, 3 x 3 with a far-apart set. Does not cover: gaps or jitter between tiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.ops.permutations import MAX_TILES, tile_orders
from fastssl.pipelines.random import uniform
from fastssl.pipelines.views.cropped import TASK_STREAM, Cropped
from fastssl.pipelines.views.view import Parameters


@dataclass(frozen=True)
class Jigsaw(Cropped):
    """Shuffle an image's tiles, for a network to name their order or to restore it.

    A batch holds "image" `[B, C, S, S]`, shuffled, "permutation" int64 `[B]`, which of `orders`, and "target", in
    order. Tile i of the shuffled image, counted row by row, is tile `orders[permutation][i]` of the target. Noroozi and
    Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        grid: tiles along a side, 2 or 3; it divides `size`.
        permutations: how many orders to tell apart; 0 stands for all 24 of 2 x 2 and for 100 of 3 x 3.
        with_target: whether there is a "target", which naming the order does not need.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    grid: int = 2
    permutations: int = 0
    with_target: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid < 2 or self.grid**2 > MAX_TILES:
            raise ValueError(f"grid must be 2 or 3, got {self.grid}")
        if self.size % self.grid:
            nearest = self.grid * round(self.size / self.grid)
            raise ValueError(f"size {self.size} does not divide into {self.grid} tiles: use {nearest}")
        every = math.factorial(self.grid**2)
        if self.permutations == 0:
            object.__setattr__(self, "permutations", min(every, 100))
        if not 2 <= self.permutations <= every:
            raise ValueError(f"permutations must lie between 2 and {every}, got {self.permutations}")

    @property
    def orders(self) -> np.ndarray:
        """Every order that can be drawn: int64 `[permutations, grid * grid]`, read-only."""
        return tile_orders(self.grid**2, self.permutations)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        """Draw `permutation`, int64 `[B]`, which of `orders`; see `Cropped.draw_task`."""
        u = uniform(seed, epoch, indices, TASK_STREAM, 1)[:, 0]
        return {"permutation": (u * self.permutations).astype(np.int64)}

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Move the tiles; see `Cropped.perform`."""
        permutation = parameters["permutation"]
        orders = _orders_on(crop.device, self.grid**2, self.permutations)[permutation]
        shuffled = {"image": self.transformed(crop, orders=orders), "permutation": permutation}
        return shuffled | {"target": self.transformed(crop)} if self.with_target else shuffled


@lru_cache(maxsize=8)
def _orders_on(device: torch.device, tiles: int, count: int) -> Tensor:
    """`tile_orders` on the device: copied there once, not once a batch."""
    return torch.from_numpy(tile_orders(tiles, count).copy()).to(device)
