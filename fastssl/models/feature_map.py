"""The last feature map of an encoder: what its pooled features are the summary of.

Covers: maps of convolutional networks, channels first or last, and the tokens of transformers laid out as a map.
Does not cover: the pooled features (`encoder.py`), nor maps of several scales (`unet.py`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fastssl.errors import ConfigError


class MapShape(NamedTuple):
    """Of one image's map: its channels and its side, in map pixels."""

    channels: int
    side: int


def feature_map(encoder: nn.Module, images: Tensor) -> Tensor:
    """`[B, C, S, S]` images to `[B, D, s, s]`, what timm calls `forward_features`; class tokens are left out.

    Raises:
        ValueError: a feature is neither a map nor tokens that fill a square; `map_shape` says so as a ConfigError.
    """
    features: Tensor = encoder.forward_features(images)  # type: ignore[operator]
    if features.ndim == 4:
        last = getattr(encoder, "output_fmt", "NCHW") == "NHWC"
        return features.permute(0, 3, 1, 2) if last else features
    tokens = features[:, getattr(encoder, "num_prefix_tokens", 0) :] if features.ndim == 3 else features
    side = math.isqrt(tokens.shape[1])
    if features.ndim != 3 or side**2 != tokens.shape[1]:
        raise ValueError(f"features of shape {list(features.shape[1:])} an image are no square map")
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def map_shape(encoder: nn.Module, in_channels: int, size: int) -> MapShape:
    """The shape of `feature_map`, by a forward pass over one image.

    Raises:
        ConfigError: the encoder has no such map.
    """
    training = encoder.training
    parameter = next(encoder.parameters())
    image = torch.zeros(1, in_channels, size, size, device=parameter.device)
    with torch.no_grad():
        try:
            found = feature_map(encoder.eval(), image)
        except (AttributeError, ValueError) as error:
            raise ConfigError(
                [f"encoder has no last feature map to decode ({error}); take another --encoder"]
            ) from None
    encoder.train(training)
    return MapShape(found.shape[1], found.shape[2])
