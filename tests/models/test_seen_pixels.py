"""Pixels that reach the features, found by the gradient, against changing each pixel and looking at the features."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor, nn

from fastssl.errors import ConfigError
from fastssl.models.encoder import create_encoder, feature_dim, seen_note
from fastssl.models.seen_pixels import check_seen, seen_pixels


def changing(encoder: nn.Module, size: int, pixels: list[tuple[int, int]]) -> list[bool]:
    """Whether a change of each pixel changes the features, in double precision and without weights that are zero."""
    torch.manual_seed(3)
    encoder = encoder.double().eval()
    for parameter in encoder.parameters():
        if not parameter.any():
            nn.init.constant_(parameter, 0.1)
    images = torch.randn(1, 1, size, size, dtype=torch.float64).repeat(len(pixels) + 1, 1, 1, 1)
    for index, (row, column) in enumerate(pixels):
        images[index, 0, row, column] += 1e4
    with torch.no_grad():
        *changed, plain = encoder(images)
    return [bool((features - plain).abs().max() > 1e-10 * plain.abs().max()) for features in changed]


def border(size: int) -> list[tuple[int, int]]:
    """Corners, and the middles of the sides."""
    places = (0, size // 2, size - 1)
    return [(row, column) for row in places for column in places]


@pytest.mark.parametrize(
    ("name", "options", "size", "rows"),
    [
        ("vit_tiny_patch16_224", {"img_size": 28}, 28, 16),  # as timm has it
        ("test_resnet", {}, 20, 20),
        ("legacy_xception", {}, 18, 17),
        ("pit_ti_224", {"img_size": 28}, 28, 24),
        ("test_byobnet", {}, 16, 16),
    ],
)
def test_seen_pixels_are_those_whose_change_changes_the_features(
    name: str, options: dict[str, int], size: int, rows: int
) -> None:
    torch.manual_seed(0)
    encoder = timm.create_model(name, in_chans=1, num_classes=0, **options)
    seen = seen_pixels(encoder, 1, size)
    assert seen[:rows, :rows].all()
    assert seen.sum() == rows**2
    pixels = [*border(size), *border(rows)]
    assert changing(encoder, size, pixels) == [bool(seen[pixel]) for pixel in pixels]


def test_layers_that_start_at_zero_hide_nothing() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(64, 3))
    nn.init.zeros_(network[2].weight)
    assert seen_pixels(network, 1, 8).all()
    assert not network[2].weight.any()


def test_a_convolution_of_stride_two_and_one_tap_sees_every_fourth_pixel() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 1, stride=2), nn.Flatten())
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[::2, ::2] = True
    assert torch.equal(seen_pixels(network, 1, 8), expected)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vit_tiny_patch16_224", 28),
        ("vit_tiny_patch16_224", 8),
        ("test_vit", 40),
        ("deit_tiny_distilled_patch16_224", 33),
        ("mixer_s32_224", 40),
        ("gmlp_ti16_224", 28),
        ("convit_tiny", 28),
        ("cait_xxs24_224", 40),
        ("test_vit_relpos", 28),
        ("vit_tiny_patch16_dinov3_qkvb", 28),
        ("convmixer_768_32", 32),
        ("swin_tiny_patch4_window7_224", 30),
        ("convnext_atto", 28),
        ("convnext_atto", 31),
        ("convnext_atto", 35),
        ("test_convnext2", 45),
        ("resnet18", 28),
        ("test_efficientnet", 28),
    ],
)
def test_every_pixel_reaches_the_features(name: str, size: int) -> None:
    encoder = create_encoder(name, 1, size, seed=0)
    assert seen_note(encoder, 1, size) == ""
    assert all(changing(encoder, size, border(size)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2", "beit_base_patch16_224", "samvit_base_patch16_224"])
@pytest.mark.parametrize("size", [32, 64])
def test_every_pixel_reaches_the_features_of_large_models(name: str, size: int) -> None:
    assert seen_note(create_encoder(name, 3, size, seed=0), 3, size) == ""


def test_where_a_few_pixels_are_lost_one_line_names_the_share_and_sizes_that_fit() -> None:
    encoder = create_encoder("legacy_xception", 1, 28)
    assert seen_note(encoder, 1, 28) == (
        "93.0% of a 28x28 image reaches the features of legacy_xception; --size 27 or 29 loses nothing"
    )
    assert changing(encoder, 28, border(28)) == [max(pixel) < 27 for pixel in border(28)]
    for size in (27, 29):
        assert all(changing(encoder, size, border(size)))


def test_where_most_of_the_image_is_lost_it_is_refused_with_sizes_that_fit() -> None:
    with pytest.raises(ConfigError) as caught:
        create_encoder("pit_ti_224", 1, 28)
    assert str(caught.value) == (
        "encoder='pit_ti_224': only 73.5% of a 28x28 image reaches its features; --size 24 or 32 loses nothing"
    )


def test_an_encoder_of_anyones_own_is_checked_where_its_features_are_measured() -> None:
    class Corner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 2)

        def forward(self, images: Tensor) -> Tensor:
            return self.layer(images[:, 0, :8, :8].flatten(1))

    assert feature_dim(Corner(), 1, 8) == 2
    with pytest.raises(
        ConfigError, match=r"encoder='Corner': only 64.0% of a 10x10 image reaches its features; --size 8"
    ):
        feature_dim(Corner(), 1, 10)


def test_checking_leaves_the_encoder_and_the_generator_as_they_were() -> None:
    encoder = create_encoder("test_resnet", 1, 24).train()
    before, state = {k: v.clone() for k, v in encoder.state_dict().items()}, torch.get_rng_state()
    with torch.inference_mode():
        check_seen(encoder, 1, 23)
    assert encoder.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())
    assert all(parameter.grad is None for parameter in encoder.parameters())
