"""TOWER: restore a picture from its transformed view, and tell that view from those of other pictures.

Covers: the two terms of "TOWER" (Neural Networks 167:810-826, 2023), together or either alone, for any timm encoder.
Does not cover: the transforms (`fastssl.pipelines.TowerPairs`), the loop, mixed precision.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.kernels import masked_mse, nt_xent
from fastssl.models.encoder import feature_dim
from fastssl.models.heads import projection_head
from fastssl.models.unet import UNet, create_unet
from fastssl.stages.stage import Batch, Stage, StageOutput

EMBEDDING_DIM = 128

Term = Literal["contrastive", "generative"]


class Tower(Stage):
    """Contrastive loss + generative loss, of equal weight.

    The clean picture goes through encoder and projector alone: what the decoder made of it would enter no loss. So
    the decoder's batch norms keep running averages of transformed pictures only; gradients are the same.

    Args:
        encoder: a timm model, as `create_encoder` makes it.
        in_channels, size: of the pictures.
        terms: "contrastive", "generative" or both. Without the generative one there is no decoder, without the
            contrastive one no projector, and the clean picture is only looked at as the target.
        temperature: of NT-Xent.
        mean, std: pictures come as (grey level in [0, 1] - mean) / std.
        seed: of the projector's and the decoder's weights.

    The batch holds "image", transformed, and "target", clean, both `[B, C, H, W]`.

    Raises:
        ConfigError: the encoder cannot take such pictures, or the generative term wants a pyramid it does not have.
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
        """The sum of the terms, each also among the metrics; in measured steps "top1": how often a view is nearest its
        own picture."""
        pooled, restored = self._transformed(batch["image"])
        terms, metrics = {}, {}
        if self.head is not None:
            views, pictures = self.head(pooled), self.head(self.encoder(batch["target"]))
            terms["contrastive"] = nt_xent(torch.cat([views, pictures]), self.temperature)
            if self.measuring:
                metrics["top1"] = _retrieval(views, pictures)
        if restored is not None:
            # Over every pixel, masked or not, as published: the curve changes all of them.
            terms["generative"] = self.std**2 * masked_mse(restored, batch["target"], None)
        metrics |= {name: term.detach() for name, term in terms.items()}
        return StageOutput(torch.stack(list(terms.values())).sum(), metrics, {})

    def visualize(self, batch: Batch) -> dict[str, Tensor]:
        """{"restored": what the decoder makes of "image"}; none without the generative term."""
        restored = self._transformed(batch["image"])[1]
        return {} if restored is None else {"restored": restored}

    def exports(self) -> dict[str, nn.Module]:
        """The decoder, without the layer that makes its last map a picture."""
        return {"decoder": self.network.decoder} if isinstance(self.network, UNet) else {}

    def _transformed(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Pooled features of transformed pictures, and the pictures restored where there is a decoder."""
        if not isinstance(self.network, UNet):
            return self.network(images), None
        # Pooled even if nobody asks: the batch norms that some encoders have past their last map must see pictures.
        maps, pooled = self.network.encode(images)
        logits = self.network.decode(maps, images.shape[2:])
        # In float32 at least: near 1, bfloat16 knows only every other of 256 grey levels.
        levels = torch.sigmoid(logits.to(torch.promote_types(logits.dtype, torch.float32)))
        return pooled, (levels - self.mean) / self.std


@torch.no_grad()
def _retrieval(views: Tensor, pictures: Tensor) -> Tensor:
    """Share of views `[B, D]` to which, of all pictures `[B, D]`, their own is the most similar by cosine."""
    similarity = F.normalize(views.float(), dim=1) @ F.normalize(pictures.float(), dim=1).T
    return (similarity.argmax(dim=1) == torch.arange(len(views), device=views.device)).float().mean()
