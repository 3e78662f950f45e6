"""U-Net: sizes, the encoder kept as timm has it, one pass for maps and pooled features, agreement with smp's U-Net."""

from __future__ import annotations

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from fastssl.errors import ConfigError
from fastssl.models.encoder import create_encoder
from fastssl.models.unet import UNet, create_unet

ENCODERS = ["resnet18", "convnext_atto", "efficientnet_lite0", "mobilenetv3_small_100"]


def unet_of(name: str, size: int = 64, *, channels: int = 3, outputs: int = 2, stem: str = "standard") -> UNet:
    return create_unet(create_encoder(name, channels, size, stem, seed=0), channels, size, outputs, seed=1)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("size", [16, 28, 32, 64, 100])
def test_the_output_has_the_height_and_width_of_the_image(name: str, size: int) -> None:
    output = unet_of(name, size).eval()(torch.randn(2, 3, size, size))
    assert output.shape == (2, 2, size, size)
    assert output.isfinite().all()


def test_height_and_width_may_differ_and_change_between_calls() -> None:
    unet = unet_of("resnet18", 28).eval()
    assert unet(torch.randn(1, 3, 50, 37)).shape == (1, 2, 50, 37)
    assert unet(torch.randn(1, 3, 96, 32)).shape == (1, 2, 96, 32)


@pytest.mark.parametrize("name", [*ENCODERS, "densenet121", "dla34", "regnety_002"])
def test_pooled_features_are_exactly_those_of_the_encoder_alone(name: str) -> None:
    unet = unet_of(name).eval()
    images = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        maps, pooled = unet.encode(images)
        assert torch.equal(pooled, unet.encoder(images))
        assert all(torch.equal(a, b) for a, b in zip(maps, unet.features(images), strict=True))


@pytest.mark.parametrize("name", ENCODERS)
def test_the_encoder_keeps_the_keys_of_timm(name: str) -> None:
    timm.create_model(name, num_classes=0).load_state_dict(unet_of(name).encoder.state_dict(), strict=True)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_with_a_resnet_it_computes_what_the_unet_of_smp_computes(name: str) -> None:
    unet = unet_of(name, 64, channels=1, outputs=3).eval()
    theirs = smp.Unet(name, encoder_weights=None, in_channels=1, classes=3).eval()
    theirs.encoder.load_state_dict(unet.encoder.state_dict(), strict=True)
    theirs.decoder.load_state_dict(unet.decoder.state_dict(), strict=True)
    theirs.segmentation_head[0].load_state_dict(unet.head.state_dict(), strict=True)
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(unet(images), theirs(images))


def test_a_small_stem_makes_finer_maps_for_the_same_decoder() -> None:
    standard, small = (unet_of("resnet18", 28, channels=1, stem=stem).eval() for stem in ("standard", "small"))
    assert [m.shape[-1] for m in standard.features(torch.zeros(1, 1, 28, 28))] == [14, 7, 4, 2, 1]
    assert [m.shape[-1] for m in small.features(torch.zeros(1, 1, 28, 28))] == [28, 28, 14, 7, 4]
    small.decoder.load_state_dict(standard.decoder.state_dict(), strict=True)
    assert small(torch.zeros(1, 1, 28, 28)).shape == (1, 2, 28, 28)


@pytest.mark.parametrize(("size", "sides"), [(16, [8, 4, 2]), (28, [10, 5, 2, 1]), (64, [16, 8, 4, 2])])
def test_the_smaller_patches_of_a_convnext_for_small_images_leave_a_pyramid_too(size: int, sides: list[int]) -> None:
    unet = unet_of("convnext_atto", size)
    images = torch.randn(2, 3, size, size)
    assert [m.shape[-1] for m in unet.features(images)] == sides
    unet(images).square().mean().backward()
    assert all(p.grad is not None for name, p in unet.encoder.named_parameters() if not name.startswith("head."))


@pytest.mark.parametrize("name", ENCODERS)
def test_every_map_is_used_at_its_own_level(name: str) -> None:
    """The output depends on each map, and each skip joins a decoder block that works at that map's resolution."""
    unet = unet_of(name).eval()
    maps = [m.detach().requires_grad_() for m in unet.features(torch.randn(1, 3, 64, 64))]
    seen: list[torch.Size] = []
    for block in unet.decoder.blocks:
        block.conv1.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape))
    gradients = torch.autograd.grad(unet.decode(maps, (64, 64)).square().sum(), maps)
    assert all(g.abs().sum() > 0 for g in gradients)
    sides = [shape[-1] for shape in seen]
    assert sides == [4, 8, 16, 32, 64]
    by_side = {m.shape[-1]: m.shape[1] for m in maps[:-1]}
    joined = {shape[-1]: shape[1] for shape in seen}
    came_up = dict(zip(sides, [maps[-1].shape[1], 256, 128, 64, 32], strict=True))
    assert joined == {side: came_up[side] + by_side.get(side, 0) for side in sides}


def test_gradients_reach_every_weight_but_those_that_only_pooled_features_need() -> None:
    unet = unet_of("resnet18")
    unet(torch.randn(4, 3, 64, 64)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in unet.parameters())


def test_the_seed_alone_decides_the_weights_and_the_global_generator_is_left_alone() -> None:
    encoder = create_encoder("resnet18", 1, 32, seed=0)
    before = torch.random.get_rng_state()
    one, two, other = (create_unet(encoder, 1, 32, 1, seed=seed).decoder.state_dict() for seed in (3, 3, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    key = "blocks.0.conv1.0.weight"
    assert torch.equal(one[key], two[key])
    assert not torch.equal(one[key], other[key])


def test_it_compiles_into_one_graph_even_where_a_level_has_no_map() -> None:
    unet = unet_of("convnext_atto", 64).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(unet, fullgraph=True, backend="eager")(images), unet(images))


def test_what_has_no_pyramid_is_refused_by_a_clear_line() -> None:
    with pytest.raises(ConfigError, match="no feature pyramid"):
        create_unet(create_encoder("vit_tiny_patch16_224", 3, 32), 3, 32, 1)
    with pytest.raises(ConfigError, match="no feature pyramid"):
        create_unet(nn.Conv2d(3, 8, 3), 3, 32, 1)


def test_images_the_encoder_cannot_take_are_refused_by_a_clear_line() -> None:
    with pytest.raises(ConfigError, match="cannot take 3x16x16 images"):
        create_unet(create_encoder("convnext_atto", 3, 64), 3, 16, 1)


def test_trying_the_encoder_out_leaves_it_as_it_was() -> None:
    encoder = create_encoder("resnet18", 3, 32, seed=0)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    create_unet(encoder, 3, 32, 1)
    assert encoder.training
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
