"""Portable graymaps and pixmaps of any largest value, written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import ImageFileError, read_image_file, read_label_file

RANDOM = np.random.default_rng(0)


def written(path, array, top, *, plain=False):
    magic = {1: "P2" if plain else "P5", 3: "P3" if plain else "P6"}[array.shape[2]]
    header = f"{magic}\n# made by hand\n{array.shape[1]} {array.shape[0]}\n{top}\n".encode()
    pixels = " \n".join(map(str, array.ravel())).encode() + b"\n# the end"
    path.write_bytes(header + (pixels if plain else array.astype(">u2" if top > 255 else "u1").tobytes()))
    return path


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("top", [255, 300, 4095, 65535])
def test_the_values_are_those_of_the_file(tmp_path, plain, samples, top):
    array = RANDOM.integers(0, top, (9, 14, samples), endpoint=True)
    pixels = read_image_file(written(tmp_path / "a.pnm", array, top, plain=plain), max_megapixels=1).pixels
    assert pixels.dtype == (np.uint8 if top == 255 else np.uint16)
    np.testing.assert_array_equal(pixels, array)


@pytest.mark.parametrize("top", [1, 15, 100])
def test_an_image_of_a_smaller_largest_value_becomes_0_to_255_and_a_mask_keeps_its_values(tmp_path, top):
    array = RANDOM.integers(0, top, (9, 14, 1), endpoint=True)
    path = written(tmp_path / "a.pgm", array, top)
    np.testing.assert_array_equal(read_image_file(path, max_megapixels=1).pixels, np.rint(array * (255 / top)))
    np.testing.assert_array_equal(read_label_file(path, max_megapixels=1).values, array[..., 0])


@pytest.mark.parametrize("name", ["a.pbm", "a.pfm"])
def test_bitmaps_and_floats_are_read(tmp_path, name):
    array = RANDOM.random((9, 14)) > 0.5
    Image.fromarray(array if name == "a.pbm" else array.astype(np.float32) / 3).save(tmp_path / name)
    pixels = read_image_file(tmp_path / name, max_megapixels=1).pixels[..., 0]
    np.testing.assert_allclose(pixels, array * 255 if name == "a.pbm" else array / 3, rtol=1e-6)


@pytest.mark.parametrize(
    "content", [b"P5 4 4 255\n123", b"P2 2 2 255\n1 2 3", b"P2 2 2 9\n1 2 3 10", b"P5 4 4 70000\n", b"P6"]
)
def test_missing_and_impossible_values_are_refused(tmp_path, content):
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(ImageFileError):
        read_image_file(tmp_path / "a.pgm", max_megapixels=1)
