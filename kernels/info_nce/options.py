"""What one call of InfoNCE computes, as the public function (op.py) hands it to the implementations.

Covers: the settings that decide which code is compiled, and whose sample each row is. Does not cover: the temperature,
a number that is passed to compiled code, and the choice of the implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class SampleIds(NamedTuple):
    """Which sample each row belongs to: a row of the queue is no negative of a query of the same sample.

    Args:
        query: [B], int64.
        queue: [K], int64. Negative ids, here or there, match nothing.
    """

    query: Tensor
    queue: Tensor


@dataclass(frozen=True, kw_only=True)
class InfoNCEOptions:
    """What is computed besides the loss of each row.

    Args:
        normalize: divide query and key by their L2 norms first.
        query_grad: the gradient of each row's loss for its query.
        key_grad: the gradient of each row's loss for its key.
        rank: how many logits of the queue reach the positive's.
        mask_own: leave rows of the query's own sample out of the queue; needs `SampleIds`.
    """

    normalize: bool
    query_grad: bool
    key_grad: bool
    rank: bool
    mask_own: bool = False
