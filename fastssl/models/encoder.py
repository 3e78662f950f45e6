"""Encoders: any timm model without its classifier, and the file it is exported to.

Covers: creating, the small-image stem, saving and loading with plain timm keys.
Does not cover: heads (`heads.py`), training, features (`fastssl.evaluation.shared.features`).
"""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from fastssl.errors import CheckpointError, ConfigError

Stem = Literal["standard", "small"]

# Side in pixels from which a ConvNeXt can cut images into patches of so many pixels a side and still halve the map of
# patches three times, which it does without padding. timm halves a map of 2x2 patches four times.
_CONVNEXT_PATCHES = {32: 4, 24: 3, 0: 1}

_METADATA_KEY = "fastssl.encoder"


@dataclass(frozen=True)
class EncoderSpec:
    """All that is needed to build an encoder again and to feed it.

    Images in [0, 1] are normalised as (image - mean) / std before they enter; mean and std are one number for all
    channels, or one for each.
    """

    name: str
    in_channels: int
    size: int
    stem: Stem = "standard"
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.5

    @property
    def channel_mean(self) -> tuple[float, ...]:
        """The mean of each channel."""
        return self.mean if isinstance(self.mean, tuple) else (self.mean,) * self.in_channels

    @property
    def channel_std(self) -> tuple[float, ...]:
        """The deviation of each channel."""
        return self.std if isinstance(self.std, tuple) else (self.std,) * self.in_channels


class LoadedEncoder(NamedTuple):
    """A trained encoder and what it was built as."""

    module: nn.Module
    spec: EncoderSpec


def create_encoder(
    name: str, in_channels: int, size: int, stem: Stem = "standard", *, seed: int | None = None
) -> nn.Module:
    """A timm model that maps `[B, in_channels, size, size]` to pooled features `[B, D]`, randomly initialised.

    Args:
        stem: "small" replaces a ResNet's 7x7 stride-2 convolution and max-pool by a 3x3 stride-1 convolution, as
            MedMNIST and the CIFAR form of MoCo do for images of about 32 pixels.
        seed: draws the weights from this seed, leaving the global generator as it was.

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
    """Raise ConfigError, with the nearest name there is, if timm has no model `name`, which `setting` asked for."""
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=1)
        raise ConfigError([f"{setting}={name!r}: not a timm model" + (f", did you mean {near[0]!r}?" if near else "")])
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise ConfigError([f"{setting}={name!r}: {error}"]) from None


def has_resnet_stem(encoder: nn.Module) -> bool:
    """Whether `encoder` begins as a ResNet does, so that its stem can be made small."""
    convolution, pool = getattr(encoder, "conv1", None), getattr(encoder, "maxpool", None)
    return isinstance(convolution, nn.Conv2d) and isinstance(pool, nn.MaxPool2d)


def feature_dim(encoder: nn.Module, in_channels: int, size: int) -> int:
    """D of the features `[B, D]`, by a forward pass (timm's `num_features` differs for models with a head layer).

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
        raise ConfigError([f"encoder yields features of shape {list(features.shape[1:])}, not one vector an image"])
    return features.shape[-1]


def save_encoder(path: Path, encoder: nn.Module, spec: EncoderSpec) -> None:
    """Write the weights with timm's own keys, and `spec` as metadata; atomic."""
    from safetensors.torch import save

    from fastssl.files import write_atomically

    tensors = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    write_atomically(path, save(tensors, metadata={_METADATA_KEY: json.dumps(asdict(spec))}))


def load_encoder(path: str | Path) -> LoadedEncoder:
    """Load an `encoder.safetensors`, or the one in a run folder, in eval mode on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, or was not written by fastssl.
    """
    path = Path(path)
    path = path / "encoder.safetensors" if path.is_dir() else path
    tensors, metadata = _read_safetensors(path)
    if _METADATA_KEY not in metadata:
        raise CheckpointError(f"{path}: no fastssl metadata; weights of other origin go in through --init")
    spec = _spec_from(metadata[_METADATA_KEY])
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem)
    load_weights(encoder, tensors, str(path))
    return LoadedEncoder(encoder.eval(), spec)


def read_spec(path: Path) -> EncoderSpec | None:
    """What the encoder in a file or run folder was built as; None where fastssl did not write it."""
    path = path / "encoder.safetensors" if path.is_dir() else path
    if path.suffix != ".safetensors":
        return None
    metadata = _read_safetensors(path)[1]
    return _spec_from(metadata[_METADATA_KEY]) if _METADATA_KEY in metadata else None


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, a run folder, or a `torch.save`d state dict (read with `weights_only=True`)."""
    path = path / "encoder.safetensors" if path.is_dir() else path
    if path.suffix == ".safetensors":
        return _read_safetensors(path)[0]
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except Exception:  # torch's own texts run over many lines and advise loading it unsafely
        raise CheckpointError(f"{path}: damaged, or not a file of plain weights; nothing else is loaded") from None
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(f"{path}: holds no state dict (a mapping of names to tensors)")
    return weights


def load_weights(encoder: nn.Module, weights: dict[str, Tensor], origin: str) -> None:
    """Load `weights` strictly; classifier weights that timm files carry (`fc.`, `head.`, `classifier.`) are left out.

    Raises:
        CheckpointError: naming the first keys that are missing, left over or of another shape.
    """
    own = encoder.state_dict()
    classifier = ("fc.", "head.", "classifier.")
    weights = {key: value for key, value in weights.items() if key in own or not key.startswith(classifier)}
    wrong = [f"missing {key}" for key in own if key not in weights]
    wrong += [f"unexpected {key}" for key in weights if key not in own]
    wrong += [
        f"{key} is {list(weights[key].shape)} and should be {list(value.shape)}"
        for key, value in own.items()
        if key in weights and weights[key].shape != value.shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(f"{origin}: weights of another model: {', '.join(wrong[:3])}{more}")
    encoder.load_state_dict(weights, strict=True)


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


def _spec_from(text: str) -> EncoderSpec:
    """The spec that `save_encoder` wrote; JSON knows lists where the spec has tuples."""
    fields: dict[str, Any] = json.loads(text)
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return EncoderSpec(**fields)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path}: damaged or not a safetensors file ({error})") from None
