"""Patches of photographs: where they are cut, which are left out, equal bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.reproduce.patches import PHOTOGRAPHS, photograph_patches, read_photograph, write_patches


def test_patches_are_cut_every_32_pixels_row_by_row() -> None:
    photograph = np.full((100, 130, 3), 99, np.uint8)
    photograph[32, 64] = 255
    patches = photograph_patches(photograph)
    assert patches.shape == (2 * 3, 64, 64, 3)
    assert [tuple(np.argwhere(patch[..., 0] == 255).ravel()) for patch in patches[[1, 5]]] == [(32, 32), (0, 0)]


def test_patches_of_the_dark_rim_are_left_out() -> None:
    photograph = np.zeros((64, 128, 3), np.uint8)
    photograph[:, 64:] = 41
    assert len(photograph_patches(photograph)) == 2  # means 0, 20.5 and 41


def test_a_photograph_gets_a_short_side_of_320_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (999, 960), (200, 100, 50)).save(tmp_path / "one.png")
    assert read_photograph(tmp_path / "one.png").shape == (320, 333, 3)


def test_the_first_photographs_alone_are_cut_and_the_file_is_the_same_every_time(tmp_path: Path) -> None:
    names = [f"Image_{child:02d}{eye}.jpg" for child in range(1, 15) for eye in "LR"]
    for value, name in enumerate(names[: PHOTOGRAPHS + 2]):
        Image.new("RGB", (64, 64), (100 + value,) * 3).save(tmp_path / name, quality=95)
    path = tmp_path / "patches.npz"
    count = write_patches(tmp_path, path)
    first = path.read_bytes()
    assert count == len(np.load(path)["train_images"]) == PHOTOGRAPHS * 81
    assert np.load(path)["train_images"].max() < 100 + PHOTOGRAPHS
    write_patches(tmp_path, path)
    assert path.read_bytes() == first


def test_too_few_photographs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="0 photographs"):
        write_patches(tmp_path, tmp_path / "patches.npz")


def test_chase_has_1430_patches(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / "chasedb1").is_dir():
        pytest.skip("CHASE_DB1 is not there")
    assert write_patches(shared_data / "chasedb1", tmp_path / "patches.npz") == 1430
