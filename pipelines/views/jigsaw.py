"""Jigsaw: the picture's tiles are shuffled; the network names the order or restores the picture.

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
    """Yields {"image": shuffled, "permutation": int64 `[B]`, which of `orders`; "target": in order}.

    grid: tiles along a side, 2 or 3. permutations: how many orders to tell apart; 0 stands for all 24 of 2 x 2 and for
    100 of 3 x 3. Tile i of the shuffled picture, counted row by row, is tile `orders[permutation][i]` of the target.
    with_target: whether there is a "target", which naming the order does not need.
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
        """Every order that can be drawn: int64 `[permutations, grid * grid]`."""
        return tile_orders(self.grid**2, self.permutations)

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        u = uniform(seed, epoch, indices, TASK_STREAM, 1)[:, 0]
        return {"permutation": (u * self.permutations).astype(np.int64)}

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        permutation = parameters["permutation"]
        orders = _orders_on(crop.device, self.grid**2, self.permutations)[permutation]
        shuffled = {"image": self.transformed(crop, orders=orders), "permutation": permutation}
        return shuffled | {"target": self.transformed(crop)} if self.with_target else shuffled


@lru_cache(maxsize=8)
def _orders_on(device: torch.device, tiles: int, count: int) -> Tensor:
    """`tile_orders` on the device: copied there once, not once a batch."""
    return torch.from_numpy(tile_orders(tiles, count).copy()).to(device)
