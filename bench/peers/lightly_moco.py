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
weights lie row-major. `test_alike.py` holds both sides' views to the same means and deviations.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import timm
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.moco_transform import MoCoV2Transform
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SEED = 0
FEATURES, EMBEDDING = 512, 128
TEMPERATURE, MOMENTUM = 0.2, 0.99
LR, SGD_MOMENTUM, WEIGHT_DECAY = 0.06, 0.9, 1e-4
WORKERS = 2
WARM_UP_STEPS = 3
"""Not timed, or fewer where they take long: by then the workers have made the batches that they keep ready."""


class Rate(NamedTuple):
    """Of `steps` steps: images/s, and the share of their time, 0 to 1, spent waiting for a batch."""

    images_per_second: float
    data_wait: float
    steps: int


class TwoViews(Dataset):
    """Two views `[C, S, S]` of each image of `[N, H, W]` or `[N, H, W, C]`, uint8."""

    def __init__(self, images: np.ndarray, strength: dict[str, Any]) -> None:
        channels = 1 if images.ndim == 3 else images.shape[3]
        centred = {"mean": [0.5] * channels, "std": [0.5] * channels}
        self.images = images[..., 0] if channels == 1 and images.ndim == 4 else images
        self.transform = MoCoV2Transform(input_size=images.shape[1], normalize=centred, **strength)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        return self.transform(Image.fromarray(self.images[index]))


def make_encoders(channels: int) -> tuple[nn.Module, nn.Module]:
    """The query encoder with its head, and the key encoder, a copy that takes no gradients."""
    torch.manual_seed(SEED)
    backbone = timm.create_model("resnet18", pretrained=False, in_chans=channels, num_classes=0)
    query = nn.Sequential(backbone, MoCoProjectionHead(FEATURES, FEATURES, EMBEDDING))
    key = copy.deepcopy(query)
    deactivate_requires_grad(key)
    return query, key


class Training:
    """Steps over the images, epoch after epoch."""

    def __init__(self, images: np.ndarray, *, batch_size: int, queue_size: int, strength: dict[str, Any], bf16: bool):
        views = TwoViews(images, strength)
        self.loader = DataLoader(
            views, batch_size, shuffle=True, drop_last=True, num_workers=WORKERS, persistent_workers=True
        )
        self.bf16 = bf16
        self.query, self.key = make_encoders(1 if images.ndim == 3 else images.shape[3])
        self.criterion = NTXentLoss(TEMPERATURE, memory_bank_size=(queue_size, EMBEDDING))
        self.optimizer = torch.optim.SGD(
            self.query.parameters(), LR, momentum=SGD_MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True
        )
        self.total_loss = torch.zeros(())
        self._batches = self._endless()

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

    def _endless(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self.loader


def timed(step: Callable[[], float], *, batch_size: int, steps: int, seconds: float) -> Rate:
    """The rate of `steps` steps after the warm-up, or of those that were begun within `seconds`; of one at least."""
    _repeat(step, WARM_UP_STEPS, seconds)
    begin = time.perf_counter()
    waits = _repeat(step, steps, seconds)
    taken = time.perf_counter() - begin
    return Rate(batch_size * len(waits) / taken, sum(waits) / taken, len(waits))


def _repeat(step: Callable[[], float], most: int, seconds: float) -> list[float]:
    end = time.perf_counter() + seconds
    results = [step()]
    while len(results) < most and time.perf_counter() < end:
        results.append(step())
    return results
