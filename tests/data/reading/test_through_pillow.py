"""Images of 8 bits in every format, against what was saved."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import ReadingOptions, read_image_file, read_image_header, read_label_file

RED_ROWS = np.zeros((8, 8, 3), np.uint8)
RED_ROWS[:4] = (200, 10, 20)
GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def image(path):
    return read_image_file(path, max_megapixels=1)


def read(path):
    own, header = image(path), read_image_header(path, ReadingOptions(max_megapixels=1))
    assert (header.dtype, header.channels) == (own.pixels.dtype, own.pixels.shape[2])
    return own.pixels


@pytest.mark.parametrize(
    "name", ["a.png", "a.tif", "a.bmp", "a.dib", "a.ppm", "a.tga", "a.pcx", "a.webp", "a.jp2", "a.gif"]
)
def test_lossless_formats_give_back_what_was_saved(tmp_path, name):
    Image.fromarray(RED_ROWS).save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
    np.testing.assert_array_equal(read(tmp_path / name), RED_ROWS)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.pgm", "a.tga", "a.pcx", "a.jp2", "a.gif"])
def test_grey_stays_grey(tmp_path, name):
    Image.fromarray(GREY).save(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name)[..., 0], GREY)


@pytest.mark.parametrize("name", ["a.jpg", "a.jpe", "a.jfif", "a.webp", "a.avif"])
def test_lossy_formats_are_close(tmp_path, name):
    array = np.repeat(np.repeat(RED_ROWS, 8, axis=0), 8, axis=1)
    Image.fromarray(array).save(tmp_path / name, quality=95)
    assert np.abs(read(tmp_path / name).astype(int) - array).mean() < 5
    assert read_label_file(tmp_path / name, max_megapixels=1).lossy


def test_transparent_pixels_are_laid_over_black(tmp_path):
    alpha = np.zeros((8, 8, 1), np.uint8)
    alpha[:4] = 255
    alpha[4:6] = 128
    white = np.full((8, 8, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([white, alpha], axis=-1)).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[:, 0, 0].tolist() == [255] * 4 + [128] * 2 + [0] * 2


def test_every_opacity_of_every_value_is_rounded_as_pillow_rounds_it(tmp_path):
    array = np.stack(np.broadcast_arrays(*np.ogrid[:256, :256]), axis=-1).astype(np.uint8)
    saved = Image.fromarray(array, "LA")
    saved.save(tmp_path / "a.png")
    black = Image.new("RGBA", saved.size, (0, 0, 0, 255))
    expected = np.asarray(Image.alpha_composite(black, saved.convert("RGBA")))[..., 0]
    np.testing.assert_array_equal(read(tmp_path / "a.png")[..., 0], expected)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_a_transparent_part_of_a_palette_image_becomes_black(tmp_path, name):
    array = np.dstack([np.full((8, 8, 3), 200, np.uint8), np.full((8, 8), 255, np.uint8)])
    array[:3, :, 3] = 0
    Image.fromarray(array).save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
    assert read(tmp_path / name)[:, 0, 0].tolist() == [0] * 3 + [200] * 5


def test_grey_with_transparency_stays_grey(tmp_path):
    Image.fromarray(RED_ROWS).convert("LA").save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(RED_ROWS).convert("L"))
    np.testing.assert_array_equal(read(tmp_path / "a.png")[..., 0], expected)


def test_a_colour_palette_becomes_rgb_and_a_grey_one_grey(tmp_path):
    Image.fromarray(RED_ROWS).quantize(8).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read(tmp_path / "colour.png"), RED_ROWS)
    Image.fromarray(GREY).convert("P").save(tmp_path / "grey.png")
    assert read(tmp_path / "grey.png").shape == (8, 8, 1)
    np.testing.assert_array_equal(read(tmp_path / "grey.png")[..., 0], GREY)


def test_cmyk_becomes_rgb(tmp_path):
    Image.fromarray(RED_ROWS).convert("CMYK").save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), RED_ROWS)
    Image.fromarray(np.repeat(np.repeat(RED_ROWS, 8, 0), 8, 1)).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert np.abs(read(tmp_path / "a.jpg")[::8, ::8].astype(int) - RED_ROWS).max() < 8


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.pbm", "a.pcx"])
def test_bilevel_images_become_0_and_255(tmp_path, name):
    Image.fromarray(RED_ROWS[..., 0] > 0).save(tmp_path / name)
    assert image(tmp_path / name).bilevel
    assert read(tmp_path / name)[:, 0, 0].tolist() == [255] * 4 + [0] * 4


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.webp", "a.jpg"])
def test_the_exif_orientation_is_applied(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side: turn clockwise by 90 degrees to see it upright
    Image.fromarray(RED_ROWS).save(
        tmp_path / name, exif=exif, **({"quality": 95, "subsampling": 0} if "j" in name else {})
    )
    assert np.abs(read(tmp_path / name).astype(int) - np.rot90(RED_ROWS, -1)).mean() < 6


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.png", "a.webp"])
def test_the_first_of_several_images_is_read_and_they_are_counted(tmp_path, name):
    pages = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 20, 30)]
    lossless = {"lossless": True} if name == "a.webp" else {}
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:], **lossless)
    assert image(tmp_path / name).pages == 3
    assert (read(tmp_path / name) == 10).all()


def test_a_large_jpeg_is_decoded_at_a_smaller_scale_if_that_is_enough(tmp_path, save):
    path = save(tmp_path / "a.jpg", "RGB", size=(900, 700), quality=95)
    small = read_image_file(path, max_megapixels=1, at_least=64)
    assert small.reduced
    assert 128 <= min(small.pixels.shape[:2]) < 256
    whole = read_image_file(path, max_megapixels=1)
    assert not whole.reduced
    assert whole.pixels.shape == (700, 900, 3)
