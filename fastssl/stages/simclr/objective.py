"""SimCLR: find the other crop of an image among all other crops of the batch.

Covers: the objective of Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML
2020, arXiv 2002.05709), Algorithm 1, over the batch of all processes. Does not cover: augmentation, the loop, mixed
precision.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.distributed.collectives import gather_views
from fastssl.distributed.contrast import shared_nt_xent
from fastssl.models.heads import projection_head
from fastssl.stages.stage import Batch, Stage, StageOutput

EMBEDDING_DIM = 128


class SimCLR(Stage):
    """Encoder f and projection head g, trained so that two crops of one image agree.

    All 2B crops go through the encoder together, so that batch norm takes its statistics over both: the paper does so
    over all devices (section 2.2), since statistics of a part would leak which crops belong together.

    Args:
        encoder: f, maps `[B, C, H, W]` to h `[B, feature_dim]`.
        feature_dim: length of h.
        batch_size: B, the images per step, for what is said of the loss of a guess.
        temperature: tau of NT-Xent.
        seed: of the head's weights.

    The batch holds "query" and "key", two crops `[B, C, H, W]` of the same images.
    """

    def __init__(
        self, encoder: nn.Module, feature_dim: int, *, batch_size: int, temperature: float = 0.5, seed: int = 0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.temperature = temperature
        self.others = 2 * batch_size - 1
        self.chance_loss = math.log(self.others)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = projection_head(feature_dim, EMBEDDING_DIM)

    def messages(self) -> list[str]:
        """Say what the loss begins at."""
        return [f"ln(2B-1) = {self.chance_loss:.2f} is the loss of a guess among {self.others} crops."]

    def loss(self, batch: Batch) -> StageOutput:
        """NT-Xent (equation 1) of z = g(f(x)), averaged over the 2B crops x.

        Metrics, where the step is measured: how often the other crop of its image is the most similar to a crop
        ("top1").
        """
        crops = torch.cat([batch["query"], batch["key"]])
        embeddings = self.head(self.encoder(crops))
        metrics = {"top1": _top1(gather_views(embeddings.detach()))} if self.measuring else {}
        return StageOutput(shared_nt_xent(embeddings, self.temperature), metrics, {})


@torch.no_grad()
def _top1(embeddings: Tensor) -> Tensor:
    """Share of the embeddings `[2B, D]` to which, of all others by cosine, that of the same image is nearest."""
    unit = F.normalize(embeddings.float(), dim=1)
    nearest = (unit @ unit.T).fill_diagonal_(-torch.inf).argmax(dim=1)
    partner = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
    return (nearest == partner).float().mean()
