"""What every peer's training has in common: images as PIL reads them, timm's ResNet-18, the loader, SGD.

Covers: the numbers that ours is given too or chooses by itself in a short run, and the plain torch calls around them.
Does not cover: views, heads, objectives; each peer has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import timm
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = 0
FEATURES, EMBEDDING = 512, 128
LR, SGD_MOMENTUM, WEIGHT_DECAY = 0.06, 0.9, 1e-4
WORKERS = 2


def channels_of(images: np.ndarray) -> int:
    """Of `[N, H, W]` or `[N, H, W, C]`."""
    return 1 if images.ndim == 3 else images.shape[3]


def without_grey_axis(images: np.ndarray) -> np.ndarray:
    """`[N, H, W]` of grey images, which is how PIL takes them; others as they are."""
    return images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images


def make_backbone(channels: int, seed: int = SEED) -> nn.Module:
    """Sets torch's seed, so that what is drawn next is the same in every run too."""
    torch.manual_seed(seed)
    return timm.create_model("resnet18", pretrained=False, in_chans=channels, num_classes=0)


def make_loader(views: Dataset, batch_size: int) -> DataLoader:
    return DataLoader(views, batch_size, shuffle=True, drop_last=True, num_workers=WORKERS, persistent_workers=True)


def make_sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, LR, momentum=SGD_MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True)


def endless(loader: DataLoader) -> Iterator[Any]:
    """Batch after batch, epoch after epoch."""
    while True:
        yield from loader
