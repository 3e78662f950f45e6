"""Encoders: any timm model without its classifier.

Covers: creating one, its stem for small images, the length of its features.
Does not cover: making patches fit the images (`timm_fit.py`), pixels that do not reach the features (`seen_pixels.py`),
the file that it is exported to (`encoder_file.py`), heads (`heads.py`), training.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor, nn

from fastssl.errors import ConfigError

from .seen_pixels import LEAST_SHARE, check_seen, fitting_sizes
from .timm_fit import fit_to_size, timm_config

Stem = Literal["standard", "small"]


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
        ConfigError: unknown name, a size the model cannot take or of which it loses more than a tenth of each image, or
            a small stem where there is no ResNet stem.
    """
    check_model_name(name)
    with _in_one_line(f"encoder={name!r}", in_channels, size, partial(_create, name, in_channels, stem)):
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            encoder = _create(name, in_channels, stem, size)
        check_seen(encoder, in_channels, size, partial(_create, name, in_channels, stem))
    return encoder


def encoder_shapes(spec: EncoderSpec) -> dict[str, tuple[int, ...]]:
    """Find the shapes of an encoder's weights without taking memory for them.

    Args:
        spec: how it is built.

    Returns:
        Name -> shape, of all that its `state_dict` has.

    Raises:
        ConfigError: there is no such encoder for such images.
    """
    with _in_one_line(f"encoder={spec.name!r}", spec.in_channels, spec.size), torch.device("meta"):
        encoder = _create(spec.name, spec.in_channels, spec.stem, spec.size)
    return {name: tuple(value.shape) for name, value in encoder.state_dict().items()}


def seen_note(encoder: nn.Module, in_channels: int, size: int, stem: Stem = "standard") -> str:
    """Tell which share of an image an encoder sees, where that is not all of it.

    Args:
        encoder: as `create_encoder` made it, or any module that maps images to features.
        in_channels: of the images.
        size: side of the images, in pixels.
        stem: of the encoder.

    Returns:
        One line for the user; "" where every pixel reaches the features.

    Raises:
        ConfigError: more than a tenth is lost, or the encoder cannot take such images.
    """
    name = str(timm_config(encoder).get("architecture", ""))
    at_size = partial(_create, name, in_channels, stem) if name else None
    with _in_one_line("encoder", in_channels, size):
        return check_seen(encoder, in_channels, size, at_size)


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
        ConfigError: the encoder cannot take images of this shape, loses more than a tenth of each, or does not pool
            them to one vector.
    """
    training = encoder.training
    parameter = next(encoder.parameters())
    images = torch.zeros(1, in_channels, size, size, device=parameter.device)
    with _in_one_line("encoder", in_channels, size):
        try:
            with torch.no_grad():
                features: Tensor = encoder.eval()(images)
        finally:
            encoder.train(training)
        if features.ndim != 2:
            shape = list(features.shape[1:])
            raise ConfigError([f"encoder yields features of shape {shape}, not one vector per image"])
        check_seen(encoder, in_channels, size)
    return features.shape[-1]


def _create(name: str, in_channels: int, stem: Stem, size: int) -> nn.Module:
    import timm

    fit = fit_to_size(name, size)
    encoder = fit.apply(timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0, **fit.options))
    if stem == "small":
        _use_small_stem(encoder, name, in_channels)
    return encoder


@contextmanager
def _in_one_line(
    what: str, in_channels: int, size: int, at_size: Callable[[int], nn.Module] | None = None
) -> Iterator[None]:
    """Turn whatever an architecture raises for images of a size into a ConfigError that names sizes it can take."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        said = f"{what} cannot take {in_channels}x{size}x{size} images ({reason})"
        if at_size is not None:
            smaller = [side for side in (size // 32 * 32,) if side != size]
            larger = [-(-size // side) * side for side in (16, 32, 64, 128, 224, 256)]
            fitting = fitting_sizes(in_channels, at_size, smaller, larger, LEAST_SHARE)
            said += f"; --size {' or '.join(map(str, fitting))} would fit" if fitting else "; give another --encoder"
        raise ConfigError([said]) from error


def _use_small_stem(encoder: nn.Module, name: str, in_channels: int) -> None:
    if not has_resnet_stem(encoder):
        raise ConfigError([f"stem='small': {name} has no ResNet stem to replace; use --stem standard"])
    width = cast(nn.Conv2d, encoder.conv1).out_channels
    encoder.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(encoder.conv1.weight, mode="fan_out", nonlinearity="relu")
    encoder.maxpool = nn.Identity()
