"""The file that an encoder is exported to, and other files of weights.

Covers: saving and loading with plain timm keys, and how the encoder was built as metadata; reading the weights of
others. Does not cover: creating encoders (`encoder.py`), checkpoints of a training (`fastssl.training.checkpoint`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fastssl.config.base import FULL_RANGE
from fastssl.errors import CheckpointError
from fastssl.files import write_atomically

from .encoder import EncoderSpec, create_encoder

_FILE = "encoder.safetensors"
_METADATA_KEY = "fastssl.encoder"


class LoadedEncoder(NamedTuple):
    """A trained encoder and how it was built; unpacks as `encoder, spec = load_encoder(path)`.

    Args:
        module: maps images `[B, C, S, S]`, normalised as `spec` says, to pooled features `[B, D]`.
        spec: how it was built.
    """

    module: nn.Module
    spec: EncoderSpec


def save_encoder(path: Path, encoder: nn.Module, spec: EncoderSpec) -> None:
    """Write an encoder's weights with timm's own keys, and how it was built as metadata; atomic.

    Args:
        path: of the `.safetensors` file; its folder exists.
        encoder: whose `state_dict` is written, on any device.
        spec: how it was built.

    Raises:
        OSError: the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    write_atomically(path, save(tensors, metadata={_METADATA_KEY: json.dumps(asdict(spec))}))


def load_encoder(path: str | Path) -> LoadedEncoder:
    """Load an encoder that fastssl trained.

    Args:
        path: an `encoder.safetensors`, or the run folder that holds it.

    Returns:
        The encoder, in eval mode on the CPU, and how it was built.

    Raises:
        CheckpointError: the file is missing, damaged, or was not written by fastssl.
    """
    path = _file_in(Path(path))
    tensors, metadata = _read_safetensors(path)
    if _METADATA_KEY not in metadata:
        raise CheckpointError(f"{path}: no fastssl metadata; weights of other origin go in through --init")
    spec = _spec_from(metadata[_METADATA_KEY])
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem)
    load_weights(encoder, tensors, str(path))
    return LoadedEncoder(encoder.eval(), spec)


def read_spec(path: Path) -> EncoderSpec | None:
    """Read how the encoder in a file was built, without building it.

    Args:
        path: a file of weights, or a run folder.

    Returns:
        None where fastssl did not write the file.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = _file_in(path)
    if path.suffix != ".safetensors":
        return None
    metadata = _read_safetensors(path)[1]
    return _spec_from(metadata[_METADATA_KEY]) if _METADATA_KEY in metadata else None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a file of weights.

    Args:
        path: a `.safetensors` file, a run folder, or a state dict written by `torch.save`, alone or under "state_dict";
            the last is read with `weights_only=True`.

    Returns:
        Key -> tensor, on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, or holds anything else.
    """
    path = _file_in(path)
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
    """Load weights into an encoder, strictly, in place.

    Args:
        encoder: a timm model without its classifier.
        weights: under timm's keys. Those of a classifier, as timm's own files have it (`fc.`, `head.`, `classifier.`),
            are left out.
        origin: where the weights come from, for the error's text.

    Raises:
        CheckpointError: keys are missing, unexpected or of another shape; it names the first of them.
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


def _file_in(path: Path) -> Path:
    """The encoder's file in a run folder, or the file itself."""
    return path / _FILE if path.is_dir() else path


def _spec_from(text: str) -> EncoderSpec:
    """The spec that `save_encoder` wrote, in JSON, which has no tuples; files of 0.1 have the full range."""
    fields: dict[str, Any] = {"value_range": FULL_RANGE, **json.loads(text)}
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
