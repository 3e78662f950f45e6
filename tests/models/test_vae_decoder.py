"""The convolutional decoder: any side, images independent of their batch, every pixel a function of the vector."""

from __future__ import annotations

import pytest
import torch

from fastssl.models.vae_decoder import MAX_WIDTH, ConvDecoder, sides


@pytest.mark.parametrize(
    ("size", "channels"), [(1, 1), (8, 3), (9, 1), (28, 1), (31, 3), (33, 1), (65, 1), (100, 3), (224, 3), (512, 1)]
)
def test_images_have_the_size_and_channels_asked_for(size: int, channels: int) -> None:
    with torch.no_grad():
        images = ConvDecoder(5, channels, size)(torch.randn(1, 5))
    assert images.shape == (1, channels, size, size)
    assert images.isfinite().all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [(8, [4, 8]), (28, [7, 14, 28]), (31, [4, 8, 16, 31]), (224, [7, 14, 28, 56, 112, 224]), (14, [7, 14])],
)
def test_maps_double_from_a_small_one_to_the_images_side(size: int, expected: list[int]) -> None:
    assert sides(size) == expected


def test_widths_are_bounded_at_large_sizes() -> None:
    decoder = ConvDecoder(5, 1, 512)
    assert decoder.start_shape == (MAX_WIDTH, 4, 4)
    assert max(p.shape[0] for p in decoder.blocks.parameters()) == MAX_WIDTH


def test_an_image_does_not_depend_on_its_batch() -> None:
    decoder, latent = ConvDecoder(6, 3, 28).train(), torch.randn(5, 6)
    torch.testing.assert_close(decoder(latent)[3:4], decoder(latent[3:4]))


@pytest.mark.parametrize("size", [28, 31])
def test_every_pixel_and_every_number_of_the_vector_takes_part(size: int) -> None:
    torch.manual_seed(0)
    latent = torch.randn(1, 6, requires_grad=True)
    decoder = ConvDecoder(6, 1, size)
    image = decoder(latent)
    (toward_latent,) = torch.autograd.grad(image.square().sum(), latent, retain_graph=True)
    assert (toward_latent != 0).all()
    change = decoder(latent + 0.5) - image
    assert (change != 0).all()
    image.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in decoder.parameters())
