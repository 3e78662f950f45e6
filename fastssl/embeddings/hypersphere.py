"""How embeddings lie on the unit sphere: two views of an image close together, different images spread out.

Covers: alignment and uniformity. Does not cover: which views (`fastssl.training.monitor`), losses made of them.

Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere",
ICML 2020: L_align with alpha = 2, L_uniform with t = 2, both of l2-normalised embeddings. Lower is better of both.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

EXPONENT = 2.0
"""The paper's t."""


def alignment(first: Tensor, second: Tensor) -> float:
    """Return the mean squared distance of two views' embeddings, 0 (the same) to 4 (opposite).

    Args:
        first: float `[N, D]`, N at least 1.
        second: `[N, D]`, the other view of the same images.

    Raises:
        ValueError: they are not of the same images.
    """
    if first.shape != second.shape or len(first) == 0:
        raise ValueError(f"two views of the same images are needed, got {list(first.shape)} and {list(second.shape)}")
    return float((_on_sphere(first) - _on_sphere(second)).square().sum(dim=1).mean())


def uniformity(embeddings: Tensor) -> float:
    """Return the logarithm of the mean Gaussian potential of all pairs: 0 (all the same) to about -4 (spread out).

    Args:
        embeddings: float `[N, D]` of N different images, at least two.

    Raises:
        ValueError: there are fewer.
    """
    if len(embeddings) < 2:
        raise ValueError(f"two embeddings at least have a distance, got {len(embeddings)}")
    squared = torch.pdist(_on_sphere(embeddings)).square()
    return float(squared.mul(-EXPONENT).exp().mean().log())


def _on_sphere(embeddings: Tensor) -> Tensor:
    return F.normalize(embeddings.float().cpu(), dim=1)
