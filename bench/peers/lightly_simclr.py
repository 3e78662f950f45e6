"""SimCLR as a user of lightly writes it, from lightly's own parts, in the way its documentation joins them.

Covers: `SimCLRTransform` on one PIL image at a time, a torch DataLoader with two workers that persist, timm's
ResNet-18, `SimCLRProjectionHead`, `NTXentLoss` without a memory bank, SGD as every peer's; fp32, or bf16 autocast as
Lightning's "bf16-mixed" sets it around a step. Does not cover: GPUs, Lightning's loop, and fastssl, which nothing
here imports. `queue_size` is for peers that have a queue.

As its example does, it embeds one view after the other, so that batch norm takes the statistics of each by themselves;
ours takes those of both together. What it does not do and ours does, all in lightly's favour: LARS, a warm-up and a
cosine schedule, a check of every loss, a log and checkpoints; and its head is given no batch norm, to be as ours. How
its views differ from ours: `lightly_moco.py`, whose transform differs from this one in its defaults alone.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms.simclr_transform import SimCLRTransform
from lightly_views import LightlyViews
from shared_recipe import (
    EMBEDDING,
    FEATURES,
    SEED,
    channels_of,
    endless,
    make_backbone,
    make_loader,
    make_sgd,
)
from torch import nn

TEMPERATURE = 0.5


def two_views(images: np.ndarray, strength: dict[str, Any]) -> LightlyViews:
    """Of `SimCLRTransform`."""
    return LightlyViews(images, SimCLRTransform, strength)


def make_model(channels: int, seed: int = SEED) -> nn.Sequential:
    """The encoder with its head."""
    backbone = make_backbone(channels, seed)
    return nn.Sequential(backbone, SimCLRProjectionHead(FEATURES, FEATURES, EMBEDDING, batch_norm=False))


class Training:
    """Steps over the images, epoch after epoch."""

    def __init__(
        self,
        images: np.ndarray,
        *,
        batch_size: int,
        strength: dict[str, Any],
        bf16: bool,
        queue_size: int = 0,
        seed: int = SEED,
    ):
        self.bf16 = bf16
        self.model = make_model(channels_of(images), seed)
        self.criterion = NTXentLoss(TEMPERATURE)
        self.optimizer = make_sgd(self.model.parameters())
        self.total_loss = torch.zeros(())
        self._batches = endless(make_loader(two_views(images, strength), batch_size))

    def step(self) -> float:
        """One optimiser step; returns the seconds that its batch was waited for."""
        asked = time.perf_counter()
        one, other = next(self._batches)
        waited = time.perf_counter() - asked
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.criterion(self.model(one), self.model(other))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.total_loss += loss.detach()
        return waited
