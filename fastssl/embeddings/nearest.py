"""The most similar embeddings, by cosine.

Covers: exact search, a block of similarities at a time; embeddings that do not count for a query. Does not cover:
classifying by neighbours (`knn.py`), approximate search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_SIMILARITIES_AT_ONCE = 1 << 24
_LEFT_OUT = -2.0
"""Below every cosine."""


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """What is most similar to one query.

    Attributes:
        similarities: cosines, float `[k]`, descending.
        places: int64 `[k]`, rows of the embeddings that were searched.
    """

    similarities: Tensor
    places: Tensor


def nearest(
    embeddings: Tensor, queries: Tensor, count: int, left_out: Sequence[np.ndarray] | None = None
) -> list[Nearest]:
    """Find the embeddings with the largest cosine to each query.

    Args:
        embeddings: float `[N, D]`.
        queries: float `[M, D]`.
        count: how many for each query, where there are so many.
        left_out: for each query int64 rows of `embeddings` that do not count; None: all count.

    Returns:
        The neighbours of each query.
    """
    directions, found = F.normalize(embeddings, dim=1), list[Nearest]()
    for block in F.normalize(queries, dim=1).split(max(1, _SIMILARITIES_AT_ONCE // max(1, len(embeddings)))):
        similar = block @ directions.T
        for row in similar:
            left = len(row)
            if left_out is not None:
                without = np.unique(left_out[len(found)])
                row[torch.from_numpy(without)] = _LEFT_OUT
                left -= len(without)
            top = row.topk(min(count, left))
            found.append(Nearest(similarities=top.values, places=top.indices))
    return found
