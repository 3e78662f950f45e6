"""Images of fewer bits than their type, as training sees them: no more crops of one colour than 8-bit images have.

Divided by their type's largest value, 12-bit images in 16 bits are nearly black: contrast, drawn about mid-grey, pushes
a fifth of the crops below 0, where all is clipped to one colour. A probe would hide it, for it standardises features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.data.named.demo import open_demo
from fastssl.pipelines import Loader, TwoCrops

SIDE = 32
EIGHT = open_demo(size=SIDE, counts={"train": 256}).splits["train"].images[..., 0]
"""256 pictures of 8 bits."""


def crops(images: np.ndarray) -> np.ndarray:
    """Two crops of each image, `[512, H, W]`, by MoCo's augmentation."""
    loader = Loader(images, TwoCrops(SIDE, images.shape[-1]), batch_size=len(images), device="cpu", prefetch=0)
    with loader:
        batch = next(iter(loader))
    return np.concatenate([batch[name].float().numpy()[:, 0] for name in ("query", "key")])


def flat_share(rendered: np.ndarray) -> float:
    pixels = rendered.reshape(len(rendered), -1)
    return float((np.ptp(pixels, axis=1) < 1e-3).mean())


def as_bits(bits: int, dtype: str) -> np.ndarray:
    """The pictures with black at 0 and white at 2**bits - 1."""
    return np.rint(EIGHT / 255 * (2**bits - 1)).astype(dtype)


@pytest.mark.parametrize(
    "images",
    [
        as_bits(12, "<u2"),
        as_bits(10, ">u2"),
        as_bits(8, "<u2"),
        as_bits(12, "<i4"),
        as_bits(12, "<u2") - np.int32(1024),
        (EIGHT / 255).astype("f4"),
        EIGHT.astype("f4") * 7 - 1000,
    ],
    ids=["12 in 16", "10 in 16", "8 in 16", "12 in 32", "signed", "unit floats", "floats"],
)
def test_crops_of_any_depth_are_those_of_the_8_bit_pictures(tmp_path: Path, images: np.ndarray) -> None:
    np.savez(tmp_path / "deep.npz", train_images=images)
    eight, deep = crops(EIGHT[..., None]), crops(open_source(tmp_path / "deep.npz").splits["train"].images)
    assert flat_share(deep) == flat_share(eight) < 0.01
    # Found from the pixels: 10 bits are rounded to 1/1023, and white is at most the brightest pixel of the set.
    np.testing.assert_allclose(deep, eight, atol=0.02)


def test_the_full_range_of_the_type_is_what_made_them_flat(tmp_path: Path) -> None:
    np.savez(tmp_path / "deep.npz", train_images=as_bits(12, "<u2"))
    assert flat_share(crops(open_source(tmp_path / "deep.npz", value_range="full").splits["train"].images)) > 0.1


def test_files_of_12_bits_in_a_folder_are_read_alike(tmp_path: Path, cache: Path) -> None:
    root = tmp_path / "slices"
    root.mkdir()
    for index, image in enumerate(as_bits(12, "<u2")[:64]):
        Image.fromarray(image).save(root / f"{index:03}.png")
    source = open_source(root, size=SIDE)
    assert source.value_range == "0,4095"
    np.testing.assert_allclose(crops(source.splits["train"].images), crops(EIGHT[:64, ..., None]), atol=0.02)
