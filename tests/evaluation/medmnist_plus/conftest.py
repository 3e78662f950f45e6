"""A folder of small files named as MedMNIST's, a run, and weights of a timm model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder

COUNTS = {"train": 60, "val": 20, "test": 30}


def write_set(path: Path, *, side: int = 28, channels: int = 1, classes: int = 2, seed: int = 0) -> None:
    """Noise around a grey level that rises with the class."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, count in COUNTS.items():
        labels = np.arange(count) % classes
        levels = 90 + 60 * labels / (classes - 1)
        images = levels[:, None, None, None] + rng.normal(0, 60, (count, side, side, channels))
        arrays[f"{split}_images"] = images.clip(0, 255).astype(np.uint8).squeeze()
        arrays[f"{split}_labels"] = labels[:, None].astype(np.uint8)
    np.savez(path, **arrays)


@pytest.fixture
def medmnist(tmp_path: Path) -> Path:
    """Two grey sets, one of them at two sizes, and one in colour."""
    folder = tmp_path / "medmnist"
    folder.mkdir()
    write_set(folder / "breastmnist.npz")
    write_set(folder / "breastmnist_64.npz", side=64)
    write_set(folder / "pneumoniamnist.npz", seed=1)
    write_set(folder / "bloodmnist.npz", channels=3, classes=8, seed=2)
    return folder


@pytest.fixture
def grey_run(tmp_path: Path, medmnist: Path) -> Path:
    """A run on grey images of 28 pixels, which knows the folder of MedMNIST files."""
    folder = tmp_path / "grey"
    folder.mkdir()
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=28)
    save_encoder(folder / "encoder.safetensors", create_encoder(spec.name, 1, 28, seed=3), spec)
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": "breastmnist", "data_root": str(medmnist)}))
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of weights of the timm model test_byobnet, whose channels are normalised by ImageNet's numbers."""
    path = tmp_path / "weights, mine.pth"
    torch.save(create_encoder("test_byobnet", 3, 224, seed=5).state_dict(), path)
    return path
