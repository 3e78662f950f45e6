"""Equal and alike images, against images made to be so."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.advice.likeness import difference_hashes, digests, like_another, repeated


def images(count: int, side: int = 28, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (count, side, side, 1), dtype=dtype)


def test_equal_pixels_have_equal_digests_and_no_others_have() -> None:
    own = images(20)
    own[7] = own[3]
    own[9] = own[3]
    assert repeated(digests(own)) == 2
    own[9, 5, 5] ^= 1
    assert repeated(digests(own)) == 1


def test_the_hash_is_the_sign_of_the_step_to_the_right_in_8_by_9_cells() -> None:
    image = images(1, side=36)[0, :, :, 0].astype(float)
    cells = [[block.mean() for block in np.array_split(rows, 9, axis=1)] for rows in np.split(image[:32], 8)]
    expected = [row[place + 1] > row[place] for row in cells for place in range(8)]
    found = difference_hashes(image[:32].astype(np.uint8)[None, :, :, None])
    assert np.unpackbits(found.view(np.uint8)).astype(bool).tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_image_with_less_contrast_is_alike_and_another_one_is_not(dtype: type) -> None:
    own = images(50, dtype=dtype) // 2 * 2  # so that halving rounds nothing
    own[10] = own[20] // 2
    assert like_another(difference_hashes(own)) == 2 / 50


def test_flat_images_are_like_none() -> None:
    own = np.full((5, 28, 28, 1), 9, np.uint8)
    own[:, 0, 0] += np.arange(5, dtype=np.uint8)[:, None]
    assert like_another(difference_hashes(own)) == 0.0
