"""Encoders: any timm model without its classifier.

Covers: creating one, its stem for small images, the length of its features.
Does not cover: the file that it is exported to (`encoder_file.py`), heads (`heads.py`), training.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from fastssl.errors import ConfigError

Stem = Literal["standard", "small"]

# Least side of the images -> side of a ConvNeXt's patches, in pixels. The map of patches is halved three times, without
# padding, so images under 32 pixels need smaller patches than timm's own of 4.
_CONVNEXT_PATCHES = {32: 4, 24: 3, 0: 1}


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """All that is needed to build an encoder again, and to normalise its input.

    Images in [0, 1] enter the encoder as (image - mean) / std.

    Args:
        name: of the timm model.
        in_channels: of the images.
        size: side of the images, in pixels.
        stem: "standard" as timm has it, or "small" (`create_encoder`).
        mean: one number for all channels, or one per channel.
        std: standard deviation, likewise.
        value_range: the file values that are 0 and 1, as `--value-range` takes it ("0,4095", "full"); None: 8-bit
            images as they are.
    """

    name: str
    in_channels: int
    size: int
    stem: Stem = "standard"
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.5
    value_range: str | None = None

    @property
    def channel_mean(self) -> tuple[float, ...]:
        """The mean of each channel."""
        return self.mean if isinstance(self.mean, tuple) else (self.mean,) * self.in_channels

    @property
    def channel_std(self) -> tuple[float, ...]:
        """The standard deviation of each channel."""
        return self.std if isinstance(self.std, tuple) else (self.std,) * self.in_channels


def create_encoder(
    name: str, in_channels: int, size: int, stem: Stem = "standard", *, seed: int | None = None
) -> nn.Module:
    """Create a timm model without its classifier, randomly initialised.

    Args:
        name: of the timm model.
        in_channels: of the images.
        size: side of the images, in pixels.
        stem: "small" replaces a ResNet's 7x7 stride-2 convolution and max-pool by a 3x3 stride-1 convolution, as
            MedMNIST (Yang et al., Scientific Data 2023) and the CIFAR form of MoCo do for images of about 32 pixels.
        seed: draws the weights from this seed and leaves the global generator as it was. None: draws them from the
            global generator.

    Returns:
        A module on the CPU, in training mode, that maps `[B, in_channels, size, size]` to pooled features `[B, D]`.

    Raises:
        ConfigError: unknown name, a size the model cannot take, or a small stem where there is no ResNet stem.
    """
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        encoder = _create_timm(name, in_channels, size)
        if stem == "small":
            _use_small_stem(encoder, name, in_channels)
    return encoder


def check_model_name(name: str, setting: str = "encoder") -> None:
    """Check that timm has a model of this name.

    Args:
        name: of the model.
        setting: the option that it was given to, for the error's text.

    Raises:
        ConfigError: there is no such model; it names the nearest one.
    """
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=1)
        raise ConfigError([f"{setting}={name!r}: not a timm model" + (f", did you mean {near[0]!r}?" if near else "")])
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise ConfigError([f"{setting}={name!r}: {error}"]) from None


def has_resnet_stem(encoder: nn.Module) -> bool:
    """Tell whether an encoder begins as a ResNet does, so that its stem can be made small.

    Args:
        encoder: a timm model.

    Returns:
        True if it has the convolution and the max-pool that a small stem replaces.
    """
    convolution, pool = getattr(encoder, "conv1", None), getattr(encoder, "maxpool", None)
    return isinstance(convolution, nn.Conv2d) and isinstance(pool, nn.MaxPool2d)


def feature_dim(encoder: nn.Module, in_channels: int, size: int) -> int:
    """Find the length of an encoder's pooled features by a forward pass over one image.

    timm's `num_features` is not it for models with a layer after the pooling.

    Args:
        encoder: a timm model; it is left as it was.
        in_channels: of the images.
        size: side of the images, in pixels.

    Returns:
        D of the features `[B, D]`.

    Raises:
        ConfigError: the encoder cannot take images of this shape, or does not pool them to one vector.
    """
    training = encoder.training
    parameter = next(encoder.parameters())
    images = torch.zeros(1, in_channels, size, size, device=parameter.device)
    with torch.no_grad():
        try:
            features: Tensor = encoder.eval()(images)
        except (RuntimeError, AssertionError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ConfigError([f"encoder cannot take {in_channels}x{size}x{size} images ({reason})"]) from error
    encoder.train(training)
    if features.ndim != 2:
        raise ConfigError([f"encoder yields features of shape {list(features.shape[1:])}, not one vector per image"])
    return features.shape[-1]


def _create_timm(name: str, in_channels: int, size: int) -> nn.Module:
    import timm

    check_model_name(name)
    config = timm.get_pretrained_cfg(name)
    fitted: dict[str, Any] = {"img_size": size} if config is not None and config.fixed_input_size else {}
    if "convnext" in name and size < max(_CONVNEXT_PATCHES):
        fitted["patch_size"] = next(patch for side, patch in _CONVNEXT_PATCHES.items() if size >= side)
    try:
        return timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0, **fitted)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError([f"encoder={name!r} cannot take {in_channels}x{size}x{size} images ({reason})"]) from error


def _use_small_stem(encoder: nn.Module, name: str, in_channels: int) -> None:
    if not has_resnet_stem(encoder):
        raise ConfigError([f"stem='small': {name} has no ResNet stem to replace; use --stem standard"])
    width = cast(nn.Conv2d, encoder.conv1).out_channels
    encoder.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(encoder.conv1.weight, mode="fan_out", nonlinearity="relu")
    encoder.maxpool = nn.Identity()
