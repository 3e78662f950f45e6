"""Labelled images, images with masks, and the recipe on either, as small as it goes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fastssl.config.aligned import AlignedConfig
from fastssl.recipes.aligned import AlignedResult, train_aligned
from fastssl.stages.registry import train_config

SIDE = 16
SMALL = {
    "recipe": "aligned",
    "encoder": "test_resnet",
    "batch_size": 16,
    "steps": 2,
    "device": "cpu",
    "amp": False,
    "draws": 3,
    "shots": 4,
    "finetune": "none",
    "candidates": ("moco", "vae", "random"),
}


class Output(io.StringIO):
    """What a console prints; Ctrl-C comes as soon as it says certain words."""

    def __init__(self, interrupt_at: str = "") -> None:
        super().__init__()
        self.interrupt_at = interrupt_at

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.interrupt_at and self.interrupt_at in text:
            raise KeyboardInterrupt
        return written


Run = Callable[..., tuple[AlignedResult, str]]


@pytest.fixture
def run() -> Run:
    """Trains the recipe; returns its result and all that it printed."""

    def train(
        out: Path, *, interrupt_at: str = "", hooks: dict[str, Any] | None = None, **settings: Any
    ) -> tuple[AlignedResult, str]:
        output = Output(interrupt_at)
        asked = {"recipe": "aligned", **settings} if settings.get("resume") else SMALL | settings
        config = train_config({**asked, "out": out})
        assert isinstance(config, AlignedConfig)
        return train_aligned(config, Console(file=output, width=100), **(hooks or {})), output.getvalue()

    return train


def cells(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise around a grey level that is a little higher for the second class: uint8 `[N, 16, 16]`, int64 `[N]`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = 90 + 4 * labels[:, None, None] + rng.normal(0, 40, (count, SIDE, SIDE))
    return images.clip(0, 255).astype(np.uint8), labels


def save_cells(path: Path, *, test_seed: int = 2) -> Path:
    arrays = {}
    for split, count, seed in (("train", 48, 0), ("val", 30, 1), ("test", 30, test_seed)):
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = cells(count, seed)
    np.savez(path, **arrays)
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """48 training, 30 validation and 30 test images of two classes that are hard to tell apart."""
    return save_cells(tmp_path / "cells.npz")


def save_bars(folder: Path, *, test_seed: int = 0) -> tuple[Path, Path]:
    """`images/case_N.png` and `masks/case_N.png`, ten of each, 32 px and grey; the last three are test images."""
    images, masks = folder / "images", folder / "masks"
    for place in (images, masks):
        place.mkdir(parents=True)
    for number in range(10):
        rng = np.random.default_rng(number + (test_seed if number > 6 else 0))
        mask = np.zeros((32, 32), bool)
        begin = int(rng.integers(4, 20))
        mask[begin : begin + 8] = True
        picture = (rng.normal(70, 12, mask.shape) + 110 * mask).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(images / f"case_{number}.png")
        Image.fromarray(mask).save(masks / f"case_{number}.png")
    return images, masks


@pytest.fixture
def masked(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of ten images with masks."""
    return save_bars(tmp_path)
