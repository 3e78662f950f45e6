"""The orders of jigsaw tiles that a network learns to tell apart.

Covers: every order of four tiles, and for more a set whose members differ in as many places as possible (greedy
selection: Noroozi and Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016,
algorithm 1, started from the identity so that it is the same everywhere).
Does not cover: cutting or moving tiles.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

MAX_TILES = 9  # 9! orders are searched; 16! could not be


@lru_cache(maxsize=8)
def tile_orders(tiles: int, count: int) -> np.ndarray:
    """Choose orders of tiles that lie far apart in Hamming distance.

    Each next one has the largest distance to the nearest chosen; ties go to the largest total distance, then to the
    first in lexicographic order. With count = tiles! these are all orders, lexicographically.

    Args:
        tiles: number of tiles, at most `MAX_TILES`.
        count: number of orders.

    Returns:
        int64 `[count, tiles]`, read-only.
    """
    every = np.array(list(itertools.permutations(range(tiles))), dtype=np.int8)
    chosen = np.arange(count) if count == len(every) else _far_apart(every, count)
    orders = every[chosen].astype(np.int64)
    orders.flags.writeable = False
    return orders


def _far_apart(every: np.ndarray, count: int) -> list[int]:
    """Indices of `count` rows, each chosen as far as possible from those before it."""
    tiles = every.shape[1]
    places = np.ascontiguousarray(every.T)  # place by place, compared ten times as fast as row by row
    chosen, nearest, total = [0], np.full(len(every), tiles, dtype=np.int32), np.zeros(len(every), dtype=np.int32)
    while len(chosen) < count:
        distance = (places != every[chosen[-1], :, None]).sum(axis=0, dtype=np.int8)
        np.minimum(nearest, distance, out=nearest)
        total += distance
        chosen.append(int(np.argmax(nearest * (count * tiles + 1) + total)))
    return chosen
