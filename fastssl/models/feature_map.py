"""The last feature map of an encoder, which its pooled features summarise.

Covers: maps of convolutional networks, channels first or last, and the tokens of transformers laid out as a map.
Does not cover: the pooled features (`encoder.py`), nor maps of several scales (`unet.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fastssl.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class MapShape:
    """The shape of one image's feature map.

    Args:
        channels: of the map.
        side: of the square map, in its own pixels.
    """

    channels: int
    side: int


def feature_map(encoder: nn.Module, images: Tensor) -> Tensor:
    """Compute the last feature map of images, which timm calls `forward_features`.

    Args:
        encoder: a timm model.
        images: `[B, C, S, S]`, normalised.

    Returns:
        `[B, D, s, s]`; class tokens are left out.

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
        raise ValueError(f"features of shape {list(features.shape[1:])} per image are no square map")
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def map_shape(encoder: nn.Module, in_channels: int, size: int) -> MapShape:
    """Find the shape of an encoder's last feature map by a forward pass over one image.

    Args:
        encoder: a timm model; it is left as it was.
        in_channels: of the images.
        size: side of the images, in pixels.

    Returns:
        The shape of `feature_map(encoder, image)` for one image.

    Raises:
        ConfigError: the encoder has no such map.
    """
    training = encoder.training
    parameter = next(encoder.parameters())
    image = torch.zeros(1, in_channels, size, size, device=parameter.device)
    try:
        with torch.no_grad():
            found = feature_map(encoder.eval(), image)
    except Exception as error:  # every architecture has its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError([f"encoder has no last feature map to decode ({reason}); take another --encoder"]) from None
    finally:
        encoder.train(training)
    return MapShape(channels=found.shape[1], side=found.shape[2])
