"""InfoNCE as it is usually written, for every benchmark that compares with it.

Covers: logits, `cat`, cross entropy, as in algorithm 1 of He et al. (CVPR 2020). Does not cover: normalising the query.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def eager_info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """The loss of unit queries and keys `[B, D]` against a queue `[K, D]`."""
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long, device=query.device))
