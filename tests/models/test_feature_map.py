"""The last feature map of every kind of encoder, against the features that the encoder pools from it."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from fastssl.errors import ConfigError
from fastssl.models.encoder import create_encoder
from fastssl.models.feature_map import feature_map, map_shape


@pytest.mark.parametrize(
    ("name", "size", "side"),
    [
        ("test_resnet", 64, 2),
        ("test_efficientnet", 64, 2),
        ("test_convnext", 64, 2),
        ("test_vit", 64, 4),
        ("resnet18", 28, 1),
    ],
)
def test_its_shape_is_found_and_the_encoder_left_as_it_was(name: str, size: int, side: int) -> None:
    encoder = create_encoder(name, 1, size, seed=0).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    shape = map_shape(encoder, 1, size)
    assert shape.side == side
    assert encoder.training
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
    assert feature_map(encoder, torch.zeros(3, 1, size, size)).shape == (3, shape.channels, side, side)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_the_mean_of_a_convolutional_map_is_the_pooled_feature(name: str) -> None:
    encoder = create_encoder(name, 3, 64, seed=0).eval()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(feature_map(encoder, images).mean(dim=(2, 3)), encoder(images))


class NoAttention(nn.Module):
    """Leaves every token to itself, so that it depends on its own patch alone."""

    def forward(self, tokens: torch.Tensor, **_: object) -> torch.Tensor:
        return tokens


def test_tokens_lie_where_their_patches_lie_and_class_tokens_are_left_out() -> None:
    encoder = timm.create_model("test_vit", img_size=64, num_classes=0).eval()
    for block in encoder.blocks:
        block.attn = NoAttention()
    encoder.pos_embed.data.zero_()
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, 16:32, 48:64] = 1.0
    changed = (feature_map(encoder, images) - feature_map(encoder, torch.zeros_like(images))).abs().sum(1)[0]
    assert (changed > 0).nonzero().tolist() == [[1, 3]]


def test_maps_with_channels_last_are_turned() -> None:
    class ChannelsLast(nn.Module):
        output_fmt = "NHWC"

        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return images.permute(0, 2, 3, 1)

    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(feature_map(ChannelsLast(), images), images)


class Pooled(nn.Linear):
    """An encoder whose last features are one vector per image."""

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return self(images.flatten(1))


@pytest.mark.parametrize("encoder", [Pooled(64, 3), nn.Linear(64, 3)], ids=["vector", "not-timm"])
def test_an_encoder_without_a_map_is_refused_in_one_line(encoder: nn.Module) -> None:
    with pytest.raises(ConfigError, match=r"^encoder has no last feature map to decode [^\n]+ take another --encoder$"):
        map_shape(encoder, 1, 8)
