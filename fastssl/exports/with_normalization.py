"""An encoder that takes images from 0 to 1.

Covers: mean and deviation as a first layer. Does not cover: the values of files that are 0 and 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fastssl.models.encoder import EncoderSpec

from .subject import ExportSubject


class NormalisedEncoder(nn.Module):
    """(image - mean) / std, then the encoder.

    Args:
        encoder: maps normalised images `[B, C, S, S]` to `[B, D]`.
        spec: has mean and standard deviation of each channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: nn.Module, spec: EncoderSpec) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", torch.tensor(spec.channel_mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(spec.channel_std).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return the features `[B, D]` of images from 0 to 1, `[B, C, S, S]`."""
        features: Tensor = self.encoder((images - self.mean) / self.std)
        return features


def program_of(subject: ExportSubject, *, normalization: bool) -> nn.Module:
    """Return what is exported as a program, in eval mode: the encoder, with or without what normalises images.

    Args:
        subject: the encoder.
        normalization: images from 0 to 1 are normalised inside.
    """
    return (NormalisedEncoder(subject.encoder, subject.spec) if normalization else subject.encoder).eval()
