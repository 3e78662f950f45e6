"""Nearest neighbours on frozen features: by weighted votes, or by votes that all count the same.

Covers: cosine similarity with exponential weights, Euclidean distance without weights, single and multiple labels,
memory that does not grow with the data. Does not cover: approximate search.

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
    """Return how many neighbours vote: the square root of the training images, and 200 at most.

    Our choice, which gives the 200 of the CIFAR recipe from 40 000 images on.

    Args:
        samples: training images, 1 or more.
    """
    return max(1, min(MOST_NEIGHBOURS, math.isqrt(samples)))


def knn_scores(
    train: Tensor, targets: Tensor, query: Tensor, *, neighbours: int, temperature: float = TEMPERATURE
) -> Tensor:
    """Score images by the weighted mean of their nearest neighbours' targets.

    Args:
        train: float `[N, D]`, features of the training images.
        targets: `[N, K]`, one-hot or zeros and ones.
        query: float `[M, D]`, features on the same device as `train`.
        neighbours: k, 1 to N.
        temperature: T, positive.

    Returns:
        `[M, K]` in [0, 1], of the dtype of `train`.

    Raises:
        ValueError: there are not so many neighbours.
    """
    _check_neighbours(neighbours, train)
    train, query, targets = F.normalize(train), F.normalize(query), targets.to(train)
    return torch.cat([_vote(train, targets, chunk, neighbours, temperature) for chunk in _chunks(query, train)])


def vote_shares(train: Tensor, targets: Tensor, query: Tensor, *, neighbours: int) -> Tensor:
    """Score images by the share of their nearest neighbours, by Euclidean distance, that are of each class.

    The class with the largest share is the majority vote; of equal shares NumPy's `argmax` takes the first class, as
    scikit-learn's `KNeighborsClassifier` does.

    Args:
        train: float `[N, D]`, features of the training images.
        targets: `[N, K]`, one-hot or zeros and ones.
        query: float `[M, D]`, features on the same device as `train`, which knows float64.
        neighbours: k, 1 to N.

    Returns:
        float64 `[M, K]` in [0, 1]; distances are computed in float64.

    Raises:
        ValueError: there are not so many neighbours.
    """
    _check_neighbours(neighbours, train)
    train, query, targets = train.double(), query.double(), targets.double()
    centre = train.mean(dim=0)  # of numbers around zero the squares lose fewer digits
    train, query = train - centre, query - centre
    squares = train.square().sum(dim=1)
    shares = []
    for chunk in _chunks(query, train):
        distances = torch.addmm(squares, chunk, train.T, alpha=-2)  # squared, less the query's own square
        shares.append(targets[distances.topk(neighbours, dim=1, largest=False).indices].mean(dim=1))
    return torch.cat(shares)


def _check_neighbours(neighbours: int, train: Tensor) -> None:
    if not 1 <= neighbours <= len(train):
        raise ValueError(f"neighbours must be 1 to {len(train)}, the number of training images, got {neighbours}")


def _chunks(query: Tensor, train: Tensor) -> tuple[Tensor, ...]:
    return query.split(max(1, _SIMILARITIES_AT_ONCE // len(train)))


def _vote(train: Tensor, targets: Tensor, query: Tensor, neighbours: int, temperature: float) -> Tensor:
    similarity, nearest = (query @ train.T).topk(neighbours, dim=1)
    weight = torch.softmax(similarity / temperature, dim=1)
    return torch.einsum("qk,qkc->qc", weight, targets[nearest])
