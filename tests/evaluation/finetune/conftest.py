"""Tiny runs: encoder files, a configuration, and images that a line on their brightness tells apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder

SIZE = 16


def images_of(labels: np.ndarray, seed: int) -> np.ndarray:
    """Noise around a grey level that the class sets: uint8 `[N, 16, 16]`."""
    rng = np.random.default_rng(seed)
    return (
        (80 + 90 * labels[:, None, None] + rng.normal(0, 20, (len(labels), SIZE, SIZE))).clip(0, 255).astype(np.uint8)
    )


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """A MedMNIST-style file with all three splits and two classes."""
    arrays = {}
    for seed, (split, count) in enumerate({"train": 48, "val": 20, "test": 24}.items()):
        labels = np.arange(count) % 2
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images_of(labels, seed), labels[:, None]
    path = tmp_path / "cells.npz"
    np.savez(path, **arrays)
    return path


def make_run(folder: Path, data: Path, seed: int) -> Path:
    """A run folder as training leaves it, as far as fine-tuning reads it."""
    folder.mkdir()
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=SIZE)
    save_encoder(folder / "encoder.safetensors", create_encoder(spec.name, 1, SIZE, seed=seed), spec)
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": str(data), "data_root": None, "size": SIZE}))
    return folder


@pytest.fixture
def run_folder(tmp_path: Path, data_file: Path) -> Path:
    return make_run(tmp_path / "mine", data_file, seed=3)


@pytest.fixture
def other_run(tmp_path: Path, data_file: Path) -> Path:
    return make_run(tmp_path / "theirs", data_file, seed=4)
