"""Frozen features: extracted once from an encoder, then kept.

Covers: running an encoder over a split in its stored order, and a cache of the results on disk.
Does not cover: which features an evaluation needs (`extraction.py`), clearing out entries of encoders that are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from fastssl.files import write_atomically
from fastssl.pipelines import Loader, View
from fastssl.runtime import lay_out_on

Notify = Callable[[str], None]


def extract(
    encoder: nn.Module,
    images: np.ndarray,
    view: View,
    *,
    device: torch.device,
    batch_size: int = 256,
    amp_dtype: torch.dtype | None = None,
    prefetch: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Tensor:
    """Return the features of all images, in their order: float32 `[N, D]` on the CPU.

    Args:
        encoder: maps `[B, C, S, S]` to `[B, D]`; moved to `device`, run in eval mode, channels-last, without gradients.
        images: `[N, H, W, C]` uint8 or uint16.
        view: yields "image", such as `Plain`.
        device: that the encoder runs on.
        batch_size: images per step.
        amp_dtype: autocast to this dtype; None runs in float32.
        prefetch: batches that threads make ahead, as `Runtime.prefetch` has it for the device.
        on_batch: called with the number of images of each batch, once it was started.

    Raises:
        ValueError: there are no images.
    """
    was_training = encoder.training
    lay_out_on(device, encoder).eval()
    autocast = nullcontext() if amp_dtype is None else torch.autocast(device.type, dtype=amp_dtype)
    features: Tensor | None = None
    loader = Loader(
        images, view, batch_size=batch_size, device=device, shuffle=False, drop_last=False, prefetch=prefetch
    )
    with loader, torch.inference_mode(), autocast:
        for batch in loader:
            part = encoder(batch["image"])
            if features is None:
                features = torch.empty(len(images), *part.shape[1:], device=device)
            features[batch["index"]] = part.float()
            if on_batch is not None:
                on_batch(len(part))
    encoder.train(was_training)
    if features is None:
        raise ValueError("there are no images to extract features from")
    return features.cpu().clone()  # a clone outside inference mode is an ordinary tensor


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
        path = self.path(key)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            content = save({"features": features.contiguous()}, metadata=_metadata(key, features))
            write_atomically(path, content)
        except OSError as error:
            self._notify(f"{path}: features not kept ({error.strerror or error})")


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
