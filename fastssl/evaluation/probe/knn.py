"""Weighted nearest neighbours on frozen features.

Covers: cosine similarity, exponential weights, single and multiple labels, memory that does not grow with the data.
Does not cover: approximate search.

Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, section 3.4: each of
the k nearest training images votes for its class with weight exp(cosine / T); k = 200, T = 0.1 in MoCo's
CIFAR recipe.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MOST_NEIGHBOURS = 200
TEMPERATURE = 0.1
_SIMILARITIES_AT_ONCE = 1 << 24


def default_neighbours(samples: int) -> int:
    """200, but at most the square root of the training images: our choice, which gives 200 from 40 000 images on."""
    return max(1, min(MOST_NEIGHBOURS, math.isqrt(samples)))


def knn_scores(
    train: Tensor, targets: Tensor, query: Tensor, *, neighbours: int, temperature: float = TEMPERATURE
) -> Tensor:
    """Return `[M, K]` scores in [0, 1]: the weighted mean of the neighbours' targets.

    train: `[N, D]`, query: `[M, D]` features on one device. targets: `[N, K]`, one-hot or zeros and ones.
    neighbours: 1 to N.
    """
    if not 1 <= neighbours <= len(train):
        raise ValueError(f"neighbours must be 1 to {len(train)}, the number of training images, got {neighbours}")
    train, query, targets = F.normalize(train), F.normalize(query), targets.to(train)
    chunks = query.split(max(1, _SIMILARITIES_AT_ONCE // len(train)))
    return torch.cat([_vote(train, targets, chunk, neighbours, temperature) for chunk in chunks])


def _vote(train: Tensor, targets: Tensor, query: Tensor, neighbours: int, temperature: float) -> Tensor:
    similarity, nearest = (query @ train.T).topk(neighbours, dim=1)
    weight = torch.softmax(similarity / temperature, dim=1)
    return torch.einsum("qk,qkc->qc", weight, targets[nearest])
