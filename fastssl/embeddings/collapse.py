"""Collapse of features, by its name.

Covers: complete collapse (all images get one embedding) and dimensional collapse (embeddings fill a few dimensions
alone). Does not cover: why, and what to do (`fastssl.training.monitor`).

Complete: the standard deviation of l2-normalised embeddings against 1 / sqrt(D), as Chen and He (SimSiam, CVPR 2021)
watch it; 1 where embeddings fill the sphere, 0 where all are the same. Dimensional: Jing et al., "Understanding
Dimensional Collapse in Contrastive Self-supervised Learning", ICLR 2022, by the effective rank (`rank.py`).

The bounds are ours. Of 500 images of 28 px (demo, BreastMNIST, PneumoniaMNIST) ResNet-18s with random weights had a
spread of 0.36 and a rank of 58 to 71, trained by MoCo, SimCLR or TOWER for 300 steps 0.76 to 0.81 and 129 to 173;
trained to bring two views together and nothing else, 4.8 to 10.6 after 84 steps. A narrow one (test_resnet, 96
dimensions) with random weights had 0.085 and 3.7.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

LEAST_SPREAD = 0.02
"""Below it, collapse is complete: two images then have a cosine of about 0.9995."""
LEAST_RANK, LEAST_RANK_SHARE = 3.0, 0.025
"""Below the larger one, the share being of min(N, D), collapse is dimensional."""

Collapse = Literal["", "complete collapse", "dimensional collapse"]


def spread(embeddings: Tensor) -> float:
    """Return the mean over dimensions of the standard deviation of l2-normalised embeddings, times sqrt(D).

    Args:
        embeddings: float `[N, D]`, N at least 2.

    Returns:
        0 (all the same) to about 1 (spread over the sphere).
    """
    normalised = F.normalize(embeddings.double().cpu(), dim=1)
    return float(normalised.std(dim=0, correction=0).mean()) * embeddings.shape[1] ** 0.5


def collapse_of(embeddings: Tensor, rank: float) -> Collapse:
    """Name the collapse of embeddings, if there is one.

    Args:
        embeddings: float `[N, D]` of N different images.
        rank: their effective rank (`rank.rankme`).
    """
    if spread(embeddings) < LEAST_SPREAD:
        return "complete collapse"
    return "dimensional collapse" if rank < max(LEAST_RANK, LEAST_RANK_SHARE * min(embeddings.shape)) else ""
