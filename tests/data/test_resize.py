"""Bringing images to squares."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fastssl.data.resize import square


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


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint32, np.float32])
def test_a_resized_image_stays_within_its_own_values(dtype):
    low = -700 if np.dtype(dtype).kind in "if" else 300
    image = np.full((40, 40, 1), low, dtype)
    image[:, 20:] = 3000
    for size in (24, 100):
        resized = square(image, size)
        assert resized.dtype == dtype
        assert (resized.min(), resized.max()) == (low, 3000)


def test_8_bits_are_resized_as_pillow_resizes_them():
    image = np.random.default_rng(0).integers(30, 200, (40, 48, 3), dtype=np.uint8)
    expected = Image.fromarray(image).resize((24, 24), Image.Resampling.BICUBIC, box=(4, 0, 44, 40))
    np.testing.assert_array_equal(square(image, 24), np.asarray(expected))


def test_small_differences_of_large_whole_numbers_survive():
    image = (np.arange(64).reshape(8, 8, 1) + 2**31).astype(np.uint32)
    shrunk = square(image, 4).astype(np.float64) - 2**31
    assert np.ptp(shrunk) == pytest.approx(
        np.ptp(square(np.arange(64.0).reshape(8, 8, 1).astype(np.float32), 4)), abs=1
    )


def test_the_largest_floats_give_no_nan():
    image = np.zeros((40, 40, 1), np.float32)
    image[::3] = np.finfo(np.float32).max
    image[1::3] = np.finfo(np.float32).min
    assert np.isfinite(square(image, 17)).all()
