"""What is compared: trained encoders, a randomly initialised one, one pre-trained on ImageNet.

Covers: each as a label, a module and how to feed it. Does not cover: features (`extraction.py`), what they are worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from fastssl.models.encoder import EncoderSpec, create_encoder, load_encoder
from fastssl.models.imagenet import imagenet_encoder

RANDOM = "random init"


@dataclass(frozen=True)
class Contender:
    """An encoder that maps `[B, C, S, S]` to `[B, D]`, in eval mode on the CPU. label: names it in tables and plots."""

    label: str
    encoder: nn.Module
    spec: EncoderSpec


def run_contender(path: Path, label: str | None = None) -> Contender:
    """The encoder of a run folder, or an encoder file; label: the folder's or the file's name by default.

    Raises CheckpointError: there is none, or it is not sound.
    """
    encoder, spec = load_encoder(path)
    return Contender(label or _name(path), encoder, spec)


def random_contender(spec: EncoderSpec, seed: int = 0) -> Contender:
    """What `spec` describes, before any training."""
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=seed)
    return Contender(RANDOM, encoder.eval(), spec)


def imagenet_contender(name: str, in_channels: int, size: int, weights: Path | None = None) -> Contender:
    """A timm model with ImageNet weights, seeing images of side `size`.

    Raises:
        ConfigError: no such model, or its weights cannot be had here. CheckpointError: `weights` are another model's.
    """
    encoder, spec = imagenet_encoder(name, in_channels, size, weights)
    return Contender(f"ImageNet {name}", encoder, spec)


def _name(path: Path) -> str:
    path = path.resolve()
    return path.name if path.is_dir() else path.parent.name if path.stem == "encoder" else path.stem
