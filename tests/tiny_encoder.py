"""An encoder of a few hundred weights with every kind of layer that eval mode and digests have to know."""

from __future__ import annotations

import torch
from torch import nn


def tiny_encoder(seed: int = 0) -> nn.Module:
    """Grey images of any size become 6 features."""
    torch.manual_seed(seed)
    layers = (
        nn.Conv2d(1, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return nn.Sequential(*layers)
