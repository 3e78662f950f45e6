"""Frozen features, kept once they are extracted.

Covers: a cache of features on disk, and what an entry depends on. Does not cover: making them
(`fastssl.embeddings.extract`), which of them an evaluation needs (`extraction.py`), clearing out entries of encoders
that are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from fastssl.files import write_atomically

Notify = Callable[[str], None]


def encoder_digest(encoder: nn.Module, architecture: str) -> str:
    """Return 32 hex digits (BLAKE2b) that identify an encoder by its weights' names, types, shapes and bytes.

    Args:
        encoder: with the weights.
        architecture: what the weights leave open (strides, pooling, normalisation of the input); part of the digest.
    """
    digest = hashlib.blake2b(architecture.encode(), digest_size=16)
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(_bytes(value))
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class FeatureKey:
    """Everything that features depend on.

    Attributes:
        encoder: `encoder_digest` of the encoder.
        data: fingerprint of the data set.
        split: the split's name.
        view: how images are seen, in words that tell any two views apart.
        precision: dtype that the encoder computes in.
    """

    encoder: str
    data: str
    split: str
    view: str
    precision: str

    def digest(self) -> str:
        """Return 32 hex digits that name the entry."""
        fields = "\0".join(f"{name}={value}" for name, value in asdict(self).items())
        return hashlib.blake2b(fields.encode(), digest_size=16).hexdigest()


class FeatureCache:
    """Features on disk: a checksummed safetensors file for each key, written atomically.

    Args:
        folder: made when the first entry is written.
        notify: called with one line where an entry is damaged or cannot be written; the features are then computed
            anew, or used without being kept.
    """

    def __init__(self, folder: Path, notify: Notify | None = None) -> None:
        self._folder = folder
        self._notify = notify or (lambda _: None)

    def path(self, key: FeatureKey) -> Path:
        """Return where an entry lies, whether or not it is there."""
        return self._folder / f"{key.split}-{key.digest()}.safetensors"

    def find(self, key: FeatureKey) -> Tensor | None:
        """Return features `[N, D]` that were kept; None where there is no sound entry.

        Args:
            key: what they depend on.
        """
        path = self.path(key)
        if not path.is_file():
            return None
        features = _read(path, key)
        if features is None:
            self._notify(f"{path}: damaged; extracting these features again")
        return features

    def keep(self, key: FeatureKey, features: Tensor) -> None:
        """Keep features.

        Args:
            key: what they depend on.
            features: `[N, D]`.
        """
        try:
            self.write(key, features)
        except OSError as error:
            self._notify(f"{self.path(key)}: features not kept ({error.strerror or error})")

    def write(self, key: FeatureKey, features: Tensor) -> None:
        """Keep features that must not be lost.

        Args:
            key: what they depend on.
            features: `[N, D]`.

        Raises:
            OSError: they cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        content = save({"features": features.contiguous()}, metadata=_metadata(key, features))
        write_atomically(self.path(key), content)


def _read(path: Path, key: FeatureKey) -> Tensor | None:
    """The entry, or None if it is not what was written for `key`."""
    try:
        with safe_open(path, framework="pt") as file:
            features: Tensor = file.get_tensor("features")
            metadata = file.metadata()
    except (OSError, SafetensorError):
        return None
    return features if metadata == _metadata(key, features) else None


def _metadata(key: FeatureKey, features: Tensor) -> dict[str, str]:
    return {**asdict(key), "checksum": hashlib.blake2b(_bytes(features), digest_size=16).hexdigest()}


def _bytes(tensor: Tensor) -> memoryview:
    """The elements in row-major order."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
