"""MoCo v2 as a user of lightly writes it, from lightly's own parts, in the way its documentation joins them.

Covers: `MoCoV2Transform` on one PIL image at a time, a torch DataLoader with two workers that persist, timm's
ResNet-18, `MoCoProjectionHead`, `update_momentum`, `NTXentLoss` over a memory bank, SGD; fp32, or bf16 autocast as
Lightning's "bf16-mixed" sets it around a step. Does not cover: GPUs, Lightning's loop, and fastssl, which nothing here
imports.

Grey images are PIL images of mode "L" and stay so: no greyscale, saturation or hue, which cost nothing at zero, and one
channel in `Normalize`. That is the cheapest way that lightly has for them; RGB copies would do three times the work.

What lightly's side does not do and ours does, all in lightly's favour: batch norm split into groups of images, a cosine
schedule, a check of every loss, a log and checkpoints. What it does otherwise: the steps of its jitter come in random
order, each rounded to 8 bits; hue is turned in HSV, not at constant luma; its blur is Pillow's, made of box filters;
weights lie row-major. `tests/bench/peers/test_alike.py` holds both sides' views to the same means and deviations.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.moco_transform import MoCoV2Transform
from lightly_views import LightlyViews
from shared_recipe import (
    EMBEDDING,
    FEATURES,
    channels_of,
    endless,
    make_backbone,
    make_loader,
    make_sgd,
)
from torch import nn

TEMPERATURE, MOMENTUM = 0.2, 0.99


def two_views(images: np.ndarray, strength: dict[str, Any]) -> LightlyViews:
    """Of `MoCoV2Transform`."""
    return LightlyViews(images, MoCoV2Transform, strength)


def make_encoders(channels: int) -> tuple[nn.Module, nn.Module]:
    """The query encoder with its head, and the key encoder, a copy that takes no gradients."""
    query = nn.Sequential(make_backbone(channels), MoCoProjectionHead(FEATURES, FEATURES, EMBEDDING))
    key = copy.deepcopy(query)
    deactivate_requires_grad(key)
    return query, key


class Training:
    """Steps over the images, epoch after epoch."""

    def __init__(self, images: np.ndarray, *, batch_size: int, queue_size: int, strength: dict[str, Any], bf16: bool):
        self.bf16 = bf16
        self.query, self.key = make_encoders(channels_of(images))
        self.criterion = NTXentLoss(TEMPERATURE, memory_bank_size=(queue_size, EMBEDDING))
        self.optimizer = make_sgd(self.query.parameters())
        self.total_loss = torch.zeros(())
        self._batches = endless(make_loader(two_views(images, strength), batch_size))

    def step(self) -> float:
        """One optimiser step; returns the seconds that its batch was waited for."""
        asked = time.perf_counter()
        query_views, key_views = next(self._batches)
        waited = time.perf_counter() - asked
        update_momentum(self.query, self.key, m=MOMENTUM)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.criterion(self.query(query_views), self.key(key_views))
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.total_loss += loss.detach()
        return waited
