"""JPEG of more than 8 bits, against the arrays that it was made of."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from fastssl.data.reading import ImageFileError, ReadingOptions, read_image_file, read_image_header

RAMP = (np.add.outer(np.arange(40), np.arange(56)) * 43).astype(np.uint16)
COLOURS = np.stack([RAMP, RAMP[::-1], np.full_like(RAMP, 700)], axis=-1)


@pytest.mark.parametrize("array", [RAMP, COLOURS], ids=["grey", "colour"])
def test_12_bits_are_read(tmp_path, array):
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg8_encode(array, bitspersample=12, level=98))
    image = read_image_file(tmp_path / "a.jpg", max_megapixels=1)
    assert image.pixels.dtype == np.uint16
    assert read_image_header(tmp_path / "a.jpg", ReadingOptions(max_megapixels=1)).channels == image.pixels.shape[2]
    assert np.abs(image.pixels.reshape(array.shape).astype(int) - array).mean() < 16


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16)])
def test_the_lossless_process_gives_back_every_value(tmp_path, dtype, bits):
    array = np.random.default_rng(0).integers(0, 2**bits, (40, 56)).astype(dtype)
    encoded = imagecodecs.jpeg8_encode(array, lossless=True, bitspersample=bits)
    (tmp_path / "a.jpg").write_bytes(encoded)
    np.testing.assert_array_equal(read_image_file(tmp_path / "a.jpg", max_megapixels=1).pixels[..., 0], array)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    whole = imagecodecs.jpeg8_encode(RAMP, bitspersample=12, level=98)
    for length in (len(whole) - 2, len(whole) // 2, 30, 3):
        (tmp_path / "a.jpg").write_bytes(whole[:length])
        with pytest.raises(ImageFileError):
            read_image_file(tmp_path / "a.jpg", max_megapixels=1)


def test_a_marker_that_ends_other_decoders_is_refused(tmp_path):
    whole = imagecodecs.jpeg8_encode(RAMP, lossless=True, bitspersample=16)
    for marker in (b"\xff\xc5", b"\xff\xc6", b"\xff\xc9", b"\xff\xcd"):
        (tmp_path / "a.jpg").write_bytes(whole.replace(b"\xff\xc4", marker))
        with pytest.raises(ImageFileError):
            read_image_file(tmp_path / "a.jpg", max_megapixels=1)
