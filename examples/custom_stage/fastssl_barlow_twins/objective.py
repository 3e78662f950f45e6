"""Barlow Twins: make two crops of an image alike, and the components of their embeddings different.

Covers: the objective of Zbontar et al., "Barlow Twins: Self-Supervised Learning via Redundancy Reduction" (ICML 2021,
arXiv 2103.03230), over the batch of all processes. Does not cover: augmentation, the loop, mixed precision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.distributed.collectives import gather_rows
from fastssl.stages.stage import Batch, Stage, StageOutput


class BarlowTwins(Stage):
    """Encoder f and projector g, trained so that the embeddings of two crops have the identity as cross-correlation.

    Args:
        encoder: f, maps `[B, C, H, W]` to `[B, feature_dim]`.
        feature_dim: length of what f returns.
        embedding_dim: D, the length of an embedding.
        redundancy_weight: lambda.
        seed: of the projector's weights.

    The batch holds "query" and "key", two crops `[B, C, H, W]` of the same images.
    """

    def __init__(
        self,
        encoder: nn.Module,
        feature_dim: int,
        *,
        embedding_dim: int,
        redundancy_weight: float = 0.005,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.redundancy_weight = redundancy_weight
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.projector = projector(feature_dim, embedding_dim)

    def loss(self, batch: Batch) -> StageOutput:
        """Compute equation 1: sum_i (1 - C_ii)^2 + lambda sum_i sum_(j != i) C_ij^2.

        Metrics: the mean correlation of a component with itself in the other crop ("agreement").
        """
        first, second = (gather_rows(self.projector(self.encoder(batch[name]))) for name in ("query", "key"))
        correlation = cross_correlation(first, second)
        diagonal = correlation.diagonal()
        invariance = (1 - diagonal).square().sum()
        redundancy = correlation.square().sum() - diagonal.square().sum()
        return StageOutput(
            invariance + self.redundancy_weight * redundancy, {"agreement": diagonal.detach().mean()}, {}
        )


def cross_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Correlate the components of two embeddings over the batch (equation 2, of centred embeddings).

    Args:
        first: `[B, D]`, of one crop of each image.
        second: `[B, D]`, of the other.

    Returns:
        C `[D, D]`, fp32 also where the rest of the step is in a lower precision.
    """
    with torch.autocast(first.device.type, enabled=False):
        a, b = (F.batch_norm(z.float(), None, None, training=True) for z in (first, second))
        return a.T @ b / len(a)


def projector(feature_dim: int, embedding_dim: int) -> nn.Sequential:
    """Make three linear layers with batch norm and ReLU between them (section 2.2)."""
    layers: list[nn.Module] = []
    for width in (feature_dim, embedding_dim):
        layers += [nn.Linear(width, embedding_dim, bias=False), nn.BatchNorm1d(embedding_dim), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(embedding_dim, embedding_dim, bias=False))
