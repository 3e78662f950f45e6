"""Single image files of every kind, against values worked out by hand."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fastssl.data.decode import read_header, read_image
from fastssl.data.resize import square

RED_ROWS = np.zeros((8, 8, 3), np.uint8)
RED_ROWS[:4] = (200, 10, 20)
GREY16 = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)


def read(path, channels=3, dtype=np.uint8, size=8):
    return read_image(path, size, channels, np.dtype(dtype))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_lossless_formats_give_back_what_was_saved(tmp_path, name):
    Image.fromarray(RED_ROWS).save(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name), RED_ROWS)
    assert not read_header(tmp_path / name).grey


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_keeps_every_value(tmp_path, name):
    Image.fromarray(GREY16).save(tmp_path / name)
    header = read_header(tmp_path / name)
    assert header.grey
    assert header.wide
    np.testing.assert_array_equal(read(tmp_path / name, 1, np.uint16)[..., 0], GREY16)


def test_big_endian_16_bit_tiff_keeps_every_value(tmp_path):
    Image.frombytes("I;16B", (8, 8), GREY16.astype(">u2").tobytes()).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif", 1, np.uint16)[..., 0], GREY16)


def test_32_bit_tiff_is_taken_if_its_values_fit_16_bits_and_refused_otherwise(tmp_path):
    Image.fromarray(GREY16.astype(np.int32)).save(tmp_path / "fits.tif")
    np.testing.assert_array_equal(read(tmp_path / "fits.tif", 1, np.uint16)[..., 0], GREY16)
    Image.fromarray(GREY16.astype(np.int32) - 1).save(tmp_path / "negative.tif")
    with pytest.raises(ValueError, match="beyond 16 bits"):
        read(tmp_path / "negative.tif", 1, np.uint16)


def test_float_pixels_are_refused(tmp_path):
    Image.fromarray(GREY16.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="float pixels"):
        read(tmp_path / "a.tif")


def test_8_bit_values_among_16_bit_ones_are_widened_so_that_white_stays_white(tmp_path):
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png", 1, np.uint16) == 65535).all()


def test_16_bit_colour_is_noticed_and_narrowed(tmp_path):
    def block(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + np.full((8, 3), 0x2AFF, ">u2").tobytes() for _ in range(8))
    header = block(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + block(b"IDAT", zlib.compress(rows)) + block(b"IEND", b"")
    )
    assert read_header(tmp_path / "a.png").narrowed
    assert not read_header(tmp_path / "a.png").wide
    assert (read(tmp_path / "a.png") == 0x2A).all()


def test_transparent_pixels_are_laid_over_black(tmp_path):
    alpha = np.zeros((8, 8, 1), np.uint8)
    alpha[:4] = 255
    alpha[4:6] = 128
    white = np.full((8, 8, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([white, alpha], axis=-1)).save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png")
    assert pixels[:, 0, 0].tolist() == [255] * 4 + [128] * 2 + [0] * 2


def test_grey_with_alpha_stays_grey(tmp_path):
    Image.fromarray(RED_ROWS).convert("LA").save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png").grey
    expected = np.asarray(Image.fromarray(RED_ROWS).convert("L"))
    np.testing.assert_array_equal(read(tmp_path / "a.png", 1)[..., 0], expected)


def test_a_colour_palette_becomes_rgb_and_a_grey_one_grey(tmp_path):
    Image.fromarray(RED_ROWS).quantize(8).save(tmp_path / "colour.png")
    assert not read_header(tmp_path / "colour.png").grey
    np.testing.assert_array_equal(read(tmp_path / "colour.png"), RED_ROWS)
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(ramp).convert("P").save(tmp_path / "grey.png")
    assert read_header(tmp_path / "grey.png").grey
    np.testing.assert_array_equal(read(tmp_path / "grey.png", 1)[..., 0], ramp)


def test_cmyk_becomes_rgb(tmp_path):
    Image.fromarray(RED_ROWS).convert("CMYK").save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), RED_ROWS)


def test_bilevel_images_become_0_and_255(tmp_path):
    Image.fromarray(RED_ROWS[..., 0] > 0).save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png").bilevel
    assert read(tmp_path / "a.png", 1)[:, 0, 0].tolist() == [255] * 4 + [0] * 4


def test_the_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side: turn clockwise by 90 degrees to see it upright
    Image.fromarray(RED_ROWS).save(tmp_path / "a.tif", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), np.rot90(RED_ROWS, -1))


def test_grey_is_repeated_where_three_channels_are_asked_for(tmp_path):
    Image.fromarray(GREY16).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png", 3, np.uint16), np.repeat(GREY16[..., None], 3, axis=-1))


def test_the_first_of_several_pages_is_read(tmp_path):
    pages = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 20)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert read_header(tmp_path / "a.tif").pages == 2
    assert (read(tmp_path / "a.tif", 1) == 10).all()


def test_a_large_jpeg_is_close_to_the_whole_image_shrunk(tmp_path, save):
    path = save(tmp_path / "a.jpg", "RGB", size=(900, 700), quality=95)
    whole = np.asarray(Image.open(path).crop((100, 0, 800, 700)).resize((64, 64), Image.Resampling.BICUBIC))
    assert np.abs(read(path, size=64).astype(int) - whole).mean() < 1


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 3), (np.uint16, 800)])
def test_shrinking_is_antialiased(dtype, scale):
    stripes = (np.indices((64, 64)).sum(axis=0) % 2 * 80 * scale).astype(dtype)[..., None]
    shrunk = square(stripes, 16)
    assert np.ptp(shrunk.astype(int)) <= 0.02 * 80 * scale
    assert shrunk.mean() == pytest.approx(40 * scale, rel=0.01)


def test_the_short_side_is_fitted_and_the_centre_kept():
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 255
    assert (square(wide, 10) == 255).all()
    assert (square(wide.transpose(1, 0, 2), 10) == 255).all()
    assert (square(wide[:, 10:], 20)[:, -5:] == 0).all()


def test_four_channels_and_16_bits_are_resized_within_their_range():
    image = np.random.default_rng(0).choice(np.array([0, 65535], np.uint16), (20, 24, 4))
    shrunk = square(image, 7)
    assert shrunk.shape == (7, 7, 4)
    assert shrunk.dtype == np.uint16
    plane = Image.fromarray(image[..., 2].astype(np.float32))
    expected = np.asarray(plane.resize((7, 7), Image.Resampling.BICUBIC, (2, 0, 22, 20)))
    np.testing.assert_array_equal(shrunk[..., 2], np.clip(np.rint(expected), 0, 65535))
