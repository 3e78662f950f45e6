"""Small folders of images with bright bars, their masks, and runs with encoder and decoder files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.evaluation.segment.data import Sample
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.models.unet import create_unet

SIDE = 32


def bars(seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture with one bright bar: uint8 `[H, W]`, and where the bar is, bool."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    begin = int(rng.integers(4, shape[0] - 12))
    mask[begin : begin + 8] = True
    picture = rng.normal(70, 12, shape) + 110 * mask
    return picture.clip(0, 255).astype(np.uint8), mask


@pytest.fixture
def sample() -> Callable[..., Sample]:
    """Makes samples `[H, W, C]` of random pixels whose mask is where the first channel is bright."""

    def make(
        height: int = 20, width: int = 24, channels: int = 1, seed: int = 0, inside: np.ndarray | None = None
    ) -> Sample:
        image = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
        mask = image[..., 0] > 200
        return Sample.unresized(name=f"sample{seed}", image=image, mask=mask, inside=inside)

    return make


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """`images/case_N.png` and `masks/case_N_manual.png`, ten of each, 32 px and grey."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for number in range(10):
        picture, mask = bars(number)
        Image.fromarray(picture).save(images / f"case_{number}.png")
        Image.fromarray(mask).save(masks / f"case_{number}_manual.png")
    return images, masks


@pytest.fixture
def tower_run(tmp_path: Path) -> Path:
    """A run folder as TOWER leaves it, as far as segmentation reads it; weights of seed 7."""
    folder = tmp_path / "tower"
    folder.mkdir()
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=SIDE)
    network = create_unet(create_encoder(spec.name, 1, SIDE, seed=7), 1, SIDE, 1, seed=7)
    save_encoder(folder / "encoder.safetensors", network.encoder, spec)
    save_encoder(folder / "decoder.safetensors", network.decoder, spec)
    return folder
