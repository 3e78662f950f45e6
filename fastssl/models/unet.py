"""U-Net over an encoder: its feature maps, decoded from the coarsest to the resolution of the image.

Covers: the feature pyramid of any timm model that has one, its pooled features from the same pass, and the decoder of
segmentation_models_pytorch, as in TOWER (Ronneberger et al., MICCAI 2015; Neural Networks 167, 2023).
Does not cover: encoders (`encoder.py`), losses, activations: outputs are unbounded (logits).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from fastssl.errors import ConfigError

from .seen_pixels import check_seen

FINEST_WIDTH = 16
"""Channels of the decoder at full resolution; doubled at every coarser level: 256, 128, 64, 32, 16 as published."""


class Encoded(NamedTuple):
    """What one pass of the encoder returns.

    Args:
        maps: `[B, C_i, H_i, W_i]`, finest first.
        pooled: `[B, D]`, exactly the features that the encoder alone computes.
    """

    maps: list[Tensor]
    pooled: Tensor


class UNet(nn.Module):
    """A U-Net for images of any height and width that its encoder takes; `create_unet` makes one for an encoder.

    Args:
        encoder: a timm model; it is kept unchanged as `.encoder`, with its keys.
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
        """Compute the output for images.

        Args:
            images: `[B, C, H, W]`, normalised.

        Returns:
            `[B, outputs, H, W]`, unbounded.
        """
        return self.decode(self.features(images), images.shape[2:])

    def features(self, images: Tensor) -> list[Tensor]:
        """Compute the encoder's feature maps.

        Args:
            images: `[B, C, H, W]`, normalised.

        Returns:
            `[B, C_i, H_i, W_i]`, finest first.
        """
        return self.encoder.forward_intermediates(images, indices=self.taken, intermediates_only=True)  # type: ignore[operator]

    def encode(self, images: Tensor) -> Encoded:
        """Compute feature maps and pooled features in one pass of the encoder.

        Args:
            images: `[B, C, H, W]`, normalised.

        Returns:
            Both.
        """
        last, maps = self.encoder.forward_intermediates(images, indices=self.taken)  # type: ignore[operator]
        return Encoded(maps, self.encoder.forward_head(last))  # type: ignore[operator]

    def decode(self, maps: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Compute the output from feature maps.

        Args:
            maps: `[B, C_i, H_i, W_i]`, finest first.
            size: (height, width) of the images, in pixels.

        Returns:
            `[B, outputs, height, width]`, unbounded.
        """
        coarser = iter(maps)
        # Of the image, and of a level without a map, the decoder uses only height and width.
        levels = [_without_channels(maps[0], size)]
        for level, channels in enumerate(self.channels, start=1):
            missing = [-(-side // 2**level) for side in size]
            levels.append(next(coarser) if channels else _without_channels(maps[0], missing))
        return self.head(self.decoder(levels))


def names_unet_decoder(names: Iterable[str]) -> bool:
    """Tell whether tensors are those of a U-Net's decoder, of any widths, by their names.

    Args:
        names: of all tensors of a file.
    """
    return any(name.startswith("blocks.0.conv1.") for name in names)


def create_unet(encoder: nn.Module, in_channels: int, size: int, outputs: int, *, seed: int | None = None) -> UNet:
    """Create a U-Net over an encoder, its decoder and head randomly initialised.

    Args:
        encoder: as `create_encoder` makes it.
        in_channels: of the images, one of which is passed through the encoder as a check.
        size: side of the images, in pixels.
        outputs: channels of the output.
        seed: draws the weights from this seed and leaves the global generator as it was. None: draws them from the
            global generator.

    Returns:
        The U-Net, on the CPU and in training mode; the encoder keeps its mode.

    Raises:
        ConfigError: the encoder has no feature pyramid, cannot take such images, or loses more than a tenth of each.
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

    They are those of the standard stem; with a small one all maps are finer, and the decoder is the same. A reduction
    that is no power of two, such as that of a ConvNeXt's patches of 3 pixels, is rounded down to one. A map at full
    resolution is left out, as in segmentation_models_pytorch.
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
        check_seen(unet.encoder, in_channels, size)
    except ConfigError:
        raise
    except Exception as error:  # every architecture has its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError([f"encoder cannot take {in_channels}x{size}x{size} images ({reason})"]) from error
    finally:
        unet.encoder.train(training)
    found, stated = [m.shape[1] for m in maps], [channels for channels in unet.channels if channels]
    if found != stated:
        raise ConfigError([f"encoder yields feature maps of {found} channels where timm states {stated}"])


def _without_channels(like: Tensor, size: Sequence[int]) -> Tensor:
    return like.new_empty(len(like), 0, *size)
