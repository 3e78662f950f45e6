"""A tiny run: an encoder file, its configuration, and labelled images that tell classes apart by brightness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open

from fastssl.evaluation.shared.features import FeatureCache, FeatureKey
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder

SIZE = 16


def labelled_images(count: int, seed: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Noise around a grey level that rises with the class: uint8 `[N, 16, 16]` and int64 `[N, 1]`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = 60 + 25 * labels[:, None, None] + rng.normal(0, 40, (count, SIZE, SIZE))
    return images.clip(0, 255).astype(np.uint8), labels[:, None]


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """A MedMNIST-style file with all three splits and three classes."""
    arrays = {}
    for seed, (split, count) in enumerate({"train": 60, "val": 30, "test": 30}.items()):
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = labelled_images(count, seed)
    path = tmp_path / "cells.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def run_folder(tmp_path: Path, data_file: Path) -> Path:
    """A run folder as training leaves it, as far as a probe reads it."""
    folder = tmp_path / "run"
    folder.mkdir()
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=SIZE)
    save_encoder(folder / "encoder.safetensors", create_encoder(spec.name, 1, SIZE, seed=3), spec)
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": str(data_file), "data_root": None, "size": SIZE}))
    return folder


def _keys(run: Path) -> list[FeatureKey]:
    keys = []
    for path in sorted((run / "features").iterdir()):
        with safe_open(path, framework="pt") as file:
            keys.append(FeatureKey(**{name: value for name, value in file.metadata().items() if name != "checksum"}))
    return keys


@pytest.fixture
def kept_features() -> Callable[[Path], list[FeatureKey]]:
    """What the features depend on that a run folder keeps."""
    return _keys


@pytest.fixture
def scramble_features() -> Callable[[Path], None]:
    """Puts noise in the place of the features that a run folder keeps: whoever reads them finds other results."""

    def scramble(run: Path) -> None:
        cache, random = FeatureCache(run / "features"), torch.Generator().manual_seed(0)
        for key in _keys(run):
            own = cache.find(key)
            assert own is not None
            cache.keep(key, torch.randn(own.shape, generator=random))

    return scramble
