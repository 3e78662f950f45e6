"""PNG files, written by hand where Pillow cannot write them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import ImageFileError, ReadingOptions, read_image_file, read_image_header

RANDOM = np.random.default_rng(0)
COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}


@pytest.fixture
def by_hand(write_png):
    """Write a PNG of 16 bits per sample, `[H, W, S]`, with further blocks before its pixels."""

    def write(path: Path, array: np.ndarray, *between: tuple[bytes, bytes]) -> Path:
        rows = [row.astype(">u2").tobytes() for row in array]
        return write_png(path, array.shape[1::-1], 16, COLOUR_TYPE[array.shape[2]], rows, *between)

    return write


def wide(samples: int) -> np.ndarray:
    return RANDOM.integers(0, 65536, (9, 14, samples)).astype(np.uint16)


def read(path: Path) -> np.ndarray:
    image, header = read_image_file(path, max_megapixels=1), read_image_header(path, ReadingOptions(max_megapixels=1))
    assert (header.dtype, header.channels) == (image.pixels.dtype, image.pixels.shape[2])
    return image.pixels


@pytest.mark.parametrize("samples", [1, 3])
def test_16_bits_keep_every_value(tmp_path, by_hand, samples):
    array = wide(samples)
    np.testing.assert_array_equal(read(by_hand(tmp_path / "a.png", array)), array)
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(array.squeeze()))
    np.testing.assert_array_equal(read(tmp_path / "b.png"), array)


@pytest.mark.parametrize("samples", [2, 4])
def test_16_bits_with_transparency_are_laid_over_black(tmp_path, by_hand, samples):
    array = wide(samples)
    pixels = read(by_hand(tmp_path / "a.png", array))
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, np.rint(array[..., :-1].astype(float) * array[..., -1:] / 65535))


@pytest.mark.parametrize("samples", [1, 3])
def test_the_one_transparent_colour_becomes_black(tmp_path, by_hand, samples):
    array = wide(samples)
    clear = array[3, 4]
    pixels = read(by_hand(tmp_path / "a.png", array, (b"tRNS", clear.astype(">u2").tobytes())))
    expected = np.where((array == clear).all(axis=-1, keepdims=True), 0, array)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"gAMA", struct.pack(">I", 100_000)),
        (b"sRGB", b"\0"),
        (b"sBIT", bytes([12, 12, 12])),
        (b"bKGD", struct.pack(">HHH", 9, 9, 9)),
        (b"pHYs", struct.pack(">IIB", 1, 1, 1)),
        (b"tEXt", b"Comment\0hello"),
    ],
)
def test_what_else_a_png_says_changes_no_value(tmp_path, by_hand, kind, content):
    array = wide(3)
    np.testing.assert_array_equal(read(by_hand(tmp_path / "a.png", array, (kind, content))), array)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_16_bits_is_that_of_8_bits(tmp_path, by_hand, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    array = wide(3) >> 8
    Image.fromarray(array.astype(np.uint8)).save(tmp_path / "narrow.png", exif=exif)
    path = by_hand(tmp_path / "wide.png", array, (b"eXIf", exif.tobytes()[6:]))
    np.testing.assert_array_equal(read(path), read(tmp_path / "narrow.png"))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_fewer_than_8_bits_becomes_0_to_255(tmp_path, write_narrow_png, bits):
    array = RANDOM.integers(0, 2**bits, (8, 16))
    pixels = read(write_narrow_png(tmp_path / "a.png", array, bits))
    np.testing.assert_array_equal(pixels[..., 0], array * (255 // (2**bits - 1)))


def test_a_text_that_unpacks_to_128_mb_is_refused(tmp_path, by_hand):
    bomb = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 27), 1))
    with pytest.raises(ImageFileError, match="too large"):
        read(by_hand(tmp_path / "a.png", wide(1), bomb))


@pytest.mark.parametrize("samples", [1, 4])
def test_a_16_bit_file_that_is_cut_short_or_changed_is_refused(tmp_path, by_hand, samples):
    whole = by_hand(tmp_path / "a.png", wide(samples)).read_bytes()
    changed = bytearray(whole)
    changed[-30] ^= 1
    for content in (whole[:-14], whole[: len(whole) // 2], whole[:20], bytes(changed)):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ImageFileError):
            read(tmp_path / "a.png")


def test_the_first_frame_of_an_animation_is_taken_and_the_frames_are_counted(tmp_path):
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 20, 30)]
    frames[0].save(tmp_path / "a.apng", save_all=True, append_images=frames[1:], format="PNG")
    image = read_image_file(tmp_path / "a.apng", max_megapixels=1)
    assert image.pages == 3
    assert (image.pixels == 10).all()
