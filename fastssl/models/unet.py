"""U-Net over an encoder: its feature maps, from the deepest back up to the resolution of the image.

Covers: the pyramid of any timm model that has one, its pooled features out of the same pass, and the decoder of
segmentation_models_pytorch, as in TOWER (Ronneberger et al., MICCAI 2015; Neural Networks 167, 2023).
Does not cover: encoders (`encoder.py`), losses, activations: outputs are plain numbers (logits).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from fastssl.errors import ConfigError

FINEST_WIDTH = 16
"""Channels of the decoder at full resolution; twice as many a level down: 256, 128, 64, 32, 16 as published."""


class Encoded(NamedTuple):
    """maps: `[B, C_i, H_i, W_i]`, finest first. pooled: `[B, D]`, what the encoder alone yields."""

    maps: list[Tensor]
    pooled: Tensor


class UNet(nn.Module):
    """Maps `[B, C, H, W]` to `[B, outputs, H, W]`, for any H and W that the encoder takes.

    Args:
        encoder: a timm model; stays as it is, keys and all, as `.encoder`.
        taken: which of its feature maps to take, as indices into timm's `feature_info`.
        channels: of the map at half the resolution, a quarter, and so on; 0 where the encoder has none.
        outputs: channels of the output.
    """

    def __init__(self, encoder: nn.Module, taken: Sequence[int], channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.taken = list(taken)
        self.channels = list(channels)
        widths = [FINEST_WIDTH * 2**level for level in reversed(range(len(self.channels)))]
        self.decoder = UnetDecoder([0, *self.channels], widths, n_blocks=len(widths))
        self.head = nn.Conv2d(FINEST_WIDTH, outputs, kernel_size=3, padding=1)
        initialize_decoder(self.decoder)
        initialize_head(self.head)

    def forward(self, images: Tensor) -> Tensor:
        """`[B, outputs, H, W]` from images `[B, C, H, W]`."""
        return self.decode(self.features(images), images.shape[2:])

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's feature maps, finest first."""
        return self.encoder.forward_intermediates(images, indices=self.taken, intermediates_only=True)  # type: ignore[operator]

    def encode(self, images: Tensor) -> Encoded:
        """Feature maps and pooled features from one pass of the encoder."""
        last, maps = self.encoder.forward_intermediates(images, indices=self.taken)  # type: ignore[operator]
        return Encoded(maps, self.encoder.forward_head(last))  # type: ignore[operator]

    def decode(self, maps: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """`[B, outputs, *size]` from the feature maps of images of `size` (height, width)."""
        coarser = iter(maps)
        # The decoder asks the image and any level without a map for their height and width alone.
        levels = [_without_channels(maps[0], size)]
        for level, channels in enumerate(self.channels, start=1):
            missing = [-(-side // 2**level) for side in size]
            levels.append(next(coarser) if channels else _without_channels(maps[0], missing))
        return self.head(self.decoder(levels))


def create_unet(encoder: nn.Module, in_channels: int, size: int, outputs: int, *, seed: int | None = None) -> UNet:
    """A U-Net over `encoder`, in training mode as that is, its decoder and head randomly initialised.

    Args:
        encoder: as `create_encoder` makes it.
        in_channels, size: of the images, on which the encoder is tried out once.
        outputs: channels of the output.
        seed: draws the weights from this seed, leaving the global generator as it was.

    Raises:
        ConfigError: the encoder has no feature pyramid, or cannot take such images.
    """
    taken, channels = _pyramid(encoder)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        unet = UNet(encoder, taken, channels, outputs)
    _try_out(unet, in_channels, size)
    return unet


def _pyramid(encoder: nn.Module) -> tuple[list[int], list[int]]:
    """`taken` and `channels` of a UNet, by the reductions timm states, each map coarser than the last.

    They are those of the standard stem; a small one leaves all maps finer, and the decoder the same. A reduction that
    is no power of two, as of a ConvNeXt's patches of 3 pixels, takes the level below. A map at full resolution is left
    out, as segmentation_models_pytorch does.
    """
    stated = getattr(encoder, "feature_info", None) or []
    reductions = [int(level["reduction"]) for level in stated]
    rising = all(finer < coarser for finer, coarser in pairwise(reductions))
    if not hasattr(encoder, "forward_intermediates") or len(reductions) < 2 or not rising:
        raise ConfigError(
            ["encoder has no feature pyramid for a U-Net (a vision transformer has none); give a ResNet or a ConvNeXt"]
        )
    taken = [index for index, reduction in enumerate(reductions) if reduction > 1]
    found = {reductions[index].bit_length() - 1: int(stated[index]["num_chs"]) for index in taken}
    return taken, [found.get(level, 0) for level in range(1, max(found) + 1)]


def _try_out(unet: UNet, in_channels: int, size: int) -> None:
    training = unet.encoder.training
    parameter = next(unet.encoder.parameters())
    images = torch.zeros(1, in_channels, size, size, device=parameter.device, dtype=parameter.dtype)
    unet.encoder.eval()
    try:
        with torch.no_grad():
            maps = unet.features(images)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError([f"encoder cannot take {in_channels}x{size}x{size} images ({reason})"]) from error
    finally:
        unet.encoder.train(training)
    found, stated = [m.shape[1] for m in maps], [channels for channels in unet.channels if channels]
    if found != stated:
        raise ConfigError([f"encoder yields feature maps of {found} channels where timm states {stated}"])


def _without_channels(like: Tensor, size: Sequence[int]) -> Tensor:
    return like.new_empty(len(like), 0, *size)
