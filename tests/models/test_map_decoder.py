"""The decoder of a feature map: sizes, and that it can learn images."""

from __future__ import annotations

import pytest
import torch

from fastssl.models.map_decoder import MAX_WIDTH, MapDecoder, growing_sides


@pytest.mark.parametrize(
    ("side", "size", "sides"),
    [
        (7, 224, [14, 28, 56, 112, 224]),
        (1, 28, [2, 4, 7, 14, 28]),
        (2, 64, [4, 8, 16, 32, 64]),
        (5, 28, [7, 14, 28]),
        (14, 28, [28]),
        (28, 28, [28]),
        (32, 28, [28]),
    ],
)
def test_sides_at_most_double_up_to_the_image(side: int, size: int, sides: list[int]) -> None:
    assert growing_sides(side, size) == sides


@pytest.mark.parametrize(("channels", "side", "size"), [(512, 1, 28), (96, 2, 64), (24, 9, 30), (8, 30, 30)])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_map_becomes_an_image_of_the_size(channels: int, side: int, size: int, outputs: int) -> None:
    decoder = MapDecoder(channels, side, outputs, size)
    assert decoder(torch.randn(2, channels, side, side)).shape == (2, outputs, size, size)


def test_wide_maps_are_narrowed_at_once() -> None:
    assert max(block[0].out_channels for block in MapDecoder(2048, 1, 3, 1024).blocks) == MAX_WIDTH


def test_an_image_does_not_depend_on_the_others_of_its_batch() -> None:
    decoder = MapDecoder(12, 4, 1, 32).train()
    features = torch.randn(5, 12, 4, 4)
    torch.testing.assert_close(decoder(features)[2:3], decoder(features[2:3]), rtol=1e-4, atol=1e-5)


def test_it_learns_an_image_by_heart() -> None:
    torch.manual_seed(0)
    decoder = MapDecoder(8, 2, 1, 16)
    features, images = torch.randn(4, 8, 2, 2), torch.rand(4, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        losses.append(torch.nn.functional.mse_loss(decoder(features), images))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.5 * images.var()
