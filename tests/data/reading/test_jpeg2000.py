"""JPEG 2000 of every depth, against the arrays that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import ImageFileError, ReadingOptions, read_image_file, read_image_header, read_label_file

RANDOM = np.random.default_rng(0)


def save(path: Path, array: np.ndarray, **options: Any) -> Path:
    coding = {"level": 0, "reversible": True, "codecformat": path.suffix[1:], **options}
    path.write_bytes(imagecodecs.jpeg2k_encode(array, **coding))
    return path


def read(path: Path) -> np.ndarray:
    image, header = read_image_file(path, max_megapixels=1), read_image_header(path, ReadingOptions(max_megapixels=1))
    assert (header.dtype, header.channels) == (image.pixels.dtype, image.pixels.shape[2])
    return image.pixels


@pytest.mark.parametrize("ending", ["jp2", "j2k"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("samples", [1, 3])
def test_every_depth_keeps_its_values(tmp_path, ending, bits, samples):
    array = RANDOM.integers(0, 2**bits, (21, 34, samples)).astype(np.uint8 if bits == 8 else np.uint16)
    path = save(tmp_path / f"a.{ending}", array.squeeze(), bitspersample=bits)
    np.testing.assert_array_equal(read(path), array)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_signed_values_keep_their_sign(tmp_path, dtype):
    array = RANDOM.integers(-100, 100, (21, 34)).astype(dtype)
    pixels = read(save(tmp_path / "a.jp2", array))
    assert pixels.dtype == np.int16
    np.testing.assert_array_equal(pixels[..., 0], array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparency_is_laid_over_black(tmp_path, dtype):
    top = np.iinfo(dtype).max
    array = RANDOM.integers(0, top, (21, 34, 4), endpoint=True).astype(dtype)
    pixels = read(save(tmp_path / "a.jp2", array))
    expected = array[..., :3].astype(float) * array[..., 3:] / top
    np.testing.assert_allclose(pixels, expected, atol=0.5)


def test_wide_colours_that_are_no_rgb_are_refused(tmp_path):
    path = save(tmp_path / "a.jp2", RANDOM.integers(0, 4096, (21, 34, 3)).astype(np.uint16))
    content = path.read_bytes()
    at = content.index(b"colr") + 7
    path.write_bytes(content[:at] + (18).to_bytes(4, "big") + content[at + 4 :])  # YCC
    with pytest.raises(ImageFileError, match="colours that are no RGB"):
        read(path)


def test_a_mask_says_whether_it_was_compressed_with_loss(tmp_path):
    array = RANDOM.integers(0, 4, (64, 64)).astype(np.uint8)
    assert not read_label_file(save(tmp_path / "a.jp2", array), max_megapixels=1).lossy
    Image.fromarray(array).save(tmp_path / "b.jp2", irreversible=True, quality_layers=[20])
    assert read_label_file(tmp_path / "b.jp2", max_megapixels=1).lossy


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_file_that_is_cut_short_is_refused(tmp_path, dtype):
    whole = save(tmp_path / "a.jp2", RANDOM.integers(0, 200, (64, 64)).astype(dtype)).read_bytes()
    for length in (len(whole) // 2, 60, 13):
        (tmp_path / "a.jp2").write_bytes(whole[:length])
        with pytest.raises(ImageFileError):
            read(tmp_path / "a.jp2")
