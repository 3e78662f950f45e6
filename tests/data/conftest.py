"""A cache of its own for every test, image files to order, and a list that collects what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FASTSSL_CACHE", str(folder))
    return folder


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def save() -> Callable[..., Path]:
    """Save a smooth image of a given Pillow mode and (width, height); `seed` makes it differ from the others."""

    def write(path: Path, mode: str = "L", size: tuple[int, int] = (40, 32), seed: int = 0, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, **options)
        return path

    return write


@pytest.fixture
def classes(tmp_path: Path, save: Callable[..., Path]) -> Path:
    """A folder of two classes with twelve grey PNGs each, of two sizes."""
    root = tmp_path / "two classes"
    for label, name in enumerate(("benign", "malignant")):
        for index in range(12):
            save(root / name / f"{index:03}.png", size=(40, 32) if index % 2 else (32, 48), seed=100 * label + index)
    return root
