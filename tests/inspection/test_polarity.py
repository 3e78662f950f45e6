"""Images that the test inverted, among others that have something in common or have not."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.inspection.polarity import find_inverted
from fastssl.inspection.thumbnails import thumbnails_of


def alike(count: int) -> np.ndarray:
    """Bright discs on dark ground, each at another place and of another size, with noise: uint8 `[N, 32, 32]`."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    centre, radius = rng.uniform(13, 19, (count, 2, 1, 1)), rng.uniform(7, 11, (count, 1, 1))
    discs = np.hypot(y - centre[:, 0], x - centre[:, 1]) < radius
    return (60 + 130 * discs + rng.normal(0, 15, discs.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
def test_inverted_images_are_found_and_no_others(share: float) -> None:
    images = alike(200)
    inverted = np.sort(np.random.default_rng(1).choice(200, int(200 * share), replace=False))
    images[inverted] = 255 - images[inverted]
    found = find_inverted(images)
    assert found.judged
    assert found.alike > 0.8
    assert found.inverted.tolist() == inverted.tolist()


def test_of_a_set_that_is_mostly_inverted_the_smaller_part_is_named() -> None:
    images = alike(50)
    images[5:] = 255 - images[5:]
    assert find_inverted(images).inverted.tolist() == [0, 1, 2, 3, 4]


def test_images_that_have_little_in_common_are_not_judged(pictures: np.ndarray) -> None:
    found = find_inverted(thumbnails_of(pictures[..., 0].astype(np.float32)).astype(np.uint8))
    assert not found.judged
    assert len(found.inverted) == 0


@pytest.mark.parametrize("images", [alike(9), np.zeros((30, 32, 32), np.uint8), np.zeros((0, 32, 32), np.uint8)])
def test_few_or_flat_images_are_not_judged(images: np.ndarray) -> None:
    assert not find_inverted(images).judged


def test_flat_images_among_others_are_not_inverted() -> None:
    images = alike(100)
    images[7] = 90
    assert find_inverted(images).inverted.tolist() == []
