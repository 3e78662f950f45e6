"""The perceptual hash, against SciPy's cosine transform; thumbnails, against means of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn

from fastssl.inspection.perceptual_hash import perceptual_hashes
from fastssl.inspection.thumbnails import thumbnails_of


def bits(hashes: np.ndarray) -> np.ndarray:
    return np.unpackbits(hashes.view(np.uint8).reshape(len(hashes), 8), axis=1)


def test_the_bits_are_the_low_frequencies_of_the_cosine_transform_above_their_median() -> None:
    images = np.random.default_rng(0).random((20, 32, 32))
    low = dctn(images, type=2, axes=(1, 2))[:, 1:9, 1:9].reshape(20, 64)
    expected = low > np.median(low, axis=1, keepdims=True)
    assert np.array_equal(bits(perceptual_hashes(images)), expected)


def test_brightness_and_contrast_change_no_bit(pictures: np.ndarray) -> None:
    small = thumbnails_of(pictures[..., 0].astype(np.float32))
    assert np.array_equal(perceptual_hashes(small), perceptual_hashes(0.5 * small + 20))


def test_an_inverted_image_has_all_bits_the_other_way(pictures: np.ndarray) -> None:
    small = thumbnails_of(pictures[..., 0].astype(np.float32))
    assert np.array_equal(bits(perceptual_hashes(255 - small)), 1 - bits(perceptual_hashes(small)))


def test_no_images_have_no_hashes() -> None:
    assert perceptual_hashes(np.zeros((0, 32, 32))).shape == (0,)


@pytest.mark.parametrize("side", [64, 224, 256])
def test_a_thumbnail_has_the_means_of_blocks(side: int) -> None:
    grey = np.random.default_rng(0).random((3, side, side)).astype(np.float32)
    block = side // 32
    expected = grey.reshape(3, 32, block, 32, block).mean(axis=(2, 4))
    assert np.allclose(thumbnails_of(grey), expected, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 28), (33, 31), (100, 45), (65, 400)])
def test_any_size_keeps_a_ramp_and_the_mean_of_a_constant(height: int, width: int) -> None:
    assert np.allclose(thumbnails_of(np.full((2, height, width), 0.7, np.float32)), 0.7)
    ramp = np.broadcast_to(np.arange(width, dtype=np.float32), (1, height, width))
    columns = thumbnails_of(np.ascontiguousarray(ramp))[0]
    assert columns.shape == (32, 32)
    assert (np.diff(columns, axis=1) >= 0).all()
    assert np.allclose(columns, columns[:1])
