"""Windows: they cover the image, their mean gives back what every window agrees on, padding leaves no trace."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from fastssl.evaluation.segment.windows import predict_whole, predict_windows, window_starts


def identity(images: Tensor) -> Tensor:
    return images[:, :1]


@pytest.mark.parametrize(("height", "width"), [(40, 40), (33, 57), (16, 90), (16, 16), (10, 23), (5, 5)])
@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.75])
def test_windows_of_a_network_that_changes_nothing_give_back_the_image(height: int, width: int, overlap: float) -> None:
    image = torch.rand(2, height, width)
    found = predict_windows(identity, image, (16, 16), overlap, 5)
    torch.testing.assert_close(found, image[0])


def test_a_whole_image_is_padded_to_32_and_cut_again() -> None:
    seen = []

    def network(images: Tensor) -> Tensor:
        seen.append(images.shape)
        return identity(images)

    image = torch.rand(1, 33, 70)
    assert torch.equal(predict_whole(network, image), image[0])
    assert seen == [(1, 1, 64, 96)]


@pytest.mark.parametrize("length", [16, 17, 31, 32, 100])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.9])
def test_window_starts_reach_from_end_to_end_and_overlap_enough(length: int, overlap: float) -> None:
    starts = window_starts(length, 16, overlap)
    assert (starts[0], starts[-1]) == (0, length - 16)
    assert starts == sorted(set(starts))
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(1 <= gap <= max(1, round(16 * (1 - overlap)) + 1) for gap in gaps)
    assert all(gap <= 16 for gap in gaps)


def test_a_pixel_counts_the_less_the_nearer_it_lies_to_a_windows_border() -> None:
    """Two windows of one row, 4 px wide and overlapping by 2, that say 0 and 1: weights 1 2 2 1 by distance."""
    calls = iter([0.0, 1.0])

    def network(images: Tensor) -> Tensor:
        return torch.full_like(images, next(calls))

    found = predict_windows(network, torch.zeros(1, 4, 6), (4, 4), 0.5, 1)
    torch.testing.assert_close(found[0], torch.tensor([0, 0, 1 / 3, 2 / 3, 1, 1]))
