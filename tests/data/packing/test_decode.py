"""One image file as a square, and the span of its values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data.packing.decode import PackItem, Square, read_squares
from fastssl.data.reading import ImageFileError, ReadingOptions

GREY16 = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)


def read_square(path: Path, size: int, max_megapixels: int) -> Square:
    """The square of a file with one image."""
    (found,) = read_squares(path.parent, PackItem(path=path.name), size, ReadingOptions(max_megapixels=max_megapixels))
    return found


def test_the_short_side_is_fitted_and_the_centre_kept(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255
    Image.fromarray(wide).save(tmp_path / "a.png")
    square = read_square(tmp_path / "a.png", 10, 1)
    assert square.pixels.shape == (10, 10, 1)
    assert (square.pixels == 255).all()


def test_the_span_is_that_of_the_whole_image_not_of_the_square(tmp_path):
    wide = np.full((10, 30), 500, np.uint16)
    wide[4, 0], wide[5, 29] = 20, 3000
    Image.fromarray(wide).save(tmp_path / "a.png")
    square = read_square(tmp_path / "a.png", 5, 1)
    assert (square.span.lowest, square.span.highest, square.span.dtype) == (20, 3000, np.uint16)
    assert (square.pixels == 500).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_values_are_those_of_the_file(tmp_path, name):
    Image.fromarray(GREY16).save(tmp_path / name)
    square = read_square(tmp_path / name, 8, 1)
    assert square.pixels.dtype == np.uint16
    np.testing.assert_array_equal(square.pixels[..., 0], GREY16)


def test_a_large_jpeg_is_close_to_the_whole_image_shrunk(tmp_path, save):
    path = save(tmp_path / "a.jpg", "RGB", size=(900, 700), quality=95)
    whole = np.asarray(Image.open(path).crop((100, 0, 800, 700)).resize((64, 64), Image.Resampling.BICUBIC))
    assert np.abs(read_square(path, 64, 1).pixels.astype(int) - whole).mean() < 1


def test_a_few_bright_pixels_of_a_large_dark_jpeg_count(tmp_path):
    dark = np.full((1600, 1600), 60, np.uint8)
    dark[804, 804] = 255
    Image.fromarray(dark).save(tmp_path / "a.jpg", quality=100)
    assert np.asarray(Image.open(tmp_path / "a.jpg")).max() > 128
    assert read_square(tmp_path / "a.jpg", 32, 3).span.highest > 128


def test_what_was_left_out_is_passed_on(tmp_path):
    pages = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 20)]
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:])
    assert read_square(tmp_path / "a.gif", 8, 1).frame == 0
    Image.fromarray(GREY16 > 9000).save(tmp_path / "b.png")
    assert read_square(tmp_path / "b.png", 8, 1).bilevel


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageFileError):
        read_square(tmp_path / "a.png", 8, 1)
