"""TOWER: restore an image from its transformed view, and tell that view from those of other images.

Covers: the two terms of "TOWER" (Neural Networks 167:810-826, 2023), together or either alone, for any timm encoder.
Does not cover: the transforms (`fastssl.pipelines.TowerPairs`), the loop, mixed precision.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.distributed.collectives import gather_views
from fastssl.distributed.contrast import shared_nt_xent
from fastssl.kernels import masked_mse
from fastssl.models.encoder import feature_dim
from fastssl.models.heads import projection_head
from fastssl.models.unet import UNet, create_unet
from fastssl.stages.stage import Batch, Stage, StageOutput

EMBEDDING_DIM = 128

Term = Literal["contrastive", "generative"]


class Tower(Stage):
    """Contrastive loss + generative loss, of equal weight.

    The clean image goes through encoder and projector alone: what the decoder made of it would enter no loss. So the
    decoder's batch norms keep running averages of transformed images only; gradients are the same.

    Args:
        encoder: a timm model, as `create_encoder` makes it.
        in_channels: C, of the images.
        size: H = W, of the images, in pixels.
        terms: "contrastive", "generative" or both. Without the generative one there is no decoder, without the
            contrastive one no projector, and the clean image is only the target.
        temperature: of NT-Xent.
        mean: images come as (grey level in [0, 1] - mean) / std.
        std: see `mean`.
        seed: of the projector's and the decoder's weights.

    The batch holds "image", transformed, and "target", clean, both `[B, C, H, W]`.

    Raises:
        ConfigError: the encoder cannot take such images, or has no pyramid of maps for the generative term.
    """

    def __init__(
        self,
        encoder: nn.Module,
        in_channels: int,
        size: int,
        *,
        terms: Collection[Term] = ("contrastive", "generative"),
        temperature: float = 0.1,
        mean: float = 0.5,
        std: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not terms or not set(terms) <= {"contrastive", "generative"}:
            raise ValueError(f"terms must be 'contrastive', 'generative' or both, got {terms!r}")
        self.temperature, self.mean, self.std = temperature, mean, std
        width = feature_dim(encoder, in_channels, size)
        generative = "generative" in terms
        self.network = create_unet(encoder, in_channels, size, in_channels, seed=seed) if generative else encoder
        self.head: nn.Module | None = None
        if "contrastive" in terms:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.head = projection_head(width, EMBEDDING_DIM)

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """The encoder, which belongs to the U-Net where there is one: registered once, so saved once."""
        return self.network.encoder if isinstance(self.network, UNet) else self.network

    def loss(self, batch: Batch) -> StageOutput:
        """Compute the sum of the terms.

        Metrics: each term; where the step is measured also "top1", how often a view is nearest to its own image.
        """
        pooled, restored = self._transformed(batch["image"])
        terms, metrics = {}, {}
        if self.head is not None:
            embeddings = torch.cat([self.head(pooled), self.head(self.encoder(batch["target"]))])
            terms["contrastive"] = shared_nt_xent(embeddings, self.temperature)
            if self.measuring:
                metrics["top1"] = _retrieval(*gather_views(embeddings.detach()).chunk(2))
        if restored is not None:
            # Over every pixel, masked or not, as published: the curve changes all of them.
            terms["generative"] = self.std**2 * masked_mse(restored, batch["target"], None)
        metrics |= {name: term.detach() for name, term in terms.items()}
        return StageOutput(loss=torch.stack(list(terms.values())).sum(), metrics=metrics, carry={})

    def visualize(self, batch: Batch) -> dict[str, Tensor]:
        """Return "restored", what the decoder makes of "image"; nothing without the generative term."""
        restored = self._transformed(batch["image"])[1]
        return {} if restored is None else {"restored": restored}

    def exports(self) -> dict[str, nn.Module]:
        """Return the decoder, without the layer that turns its last map into an image."""
        return {"decoder": self.network.decoder} if isinstance(self.network, UNet) else {}

    def _transformed(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Pooled features of transformed images, and the images restored where there is a decoder."""
        if not isinstance(self.network, UNet):
            return self.network(images), None
        # Pooled even if not used: the batch norms that some encoders have after their last map need these images.
        maps, pooled = self.network.encode(images)
        logits = self.network.decode(maps, images.shape[2:])
        # In float32 at least: near 1, bfloat16 knows only every other of 256 grey levels.
        levels = torch.sigmoid(logits.to(torch.promote_types(logits.dtype, torch.float32)))
        return pooled, (levels - self.mean) / self.std


@torch.no_grad()
def _retrieval(views: Tensor, clean: Tensor) -> Tensor:
    """Share of views `[B, D]` to which, of all clean images `[B, D]`, their own is the most similar by cosine."""
    similarity = F.normalize(views.float(), dim=1) @ F.normalize(clean.float(), dim=1).T
    return (similarity.argmax(dim=1) == torch.arange(len(views), device=views.device)).float().mean()
