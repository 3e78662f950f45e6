"""First layers rescaled for images normalised otherwise: the same features as from the images of before."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.input_scale import rescale_inputs
from fastssl.models.starting_weights import load_start

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OURS = ((0.5,) * 3, (0.5,) * 3)


def normalised(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def trained(name: str, size: int = 32) -> nn.Module:
    encoder = create_encoder(name, 3, size, seed=0)
    encoder(torch.randn(16, 3, size, size))
    return encoder.eval()


@torch.no_grad()
@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "convnext_atto"])
def test_features_of_a_model_that_does_not_pad_stay_as_they_were(name: str) -> None:
    encoder, pixels = trained(name), torch.rand(2, 3, 32, 32)
    before = encoder(normalised(pixels, MEAN, STD))
    said = rescale_inputs(encoder, 32, trained=(MEAN, STD), given=OURS)
    assert said == "the first layer is rescaled, from images of mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    torch.testing.assert_close(encoder(normalised(pixels, *OURS)), before, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "convolution", "norm"),
    [
        ("resnet18", "conv1", "bn1"),
        ("test_resnet", "conv1.0", "conv1.1"),
        ("tf_efficientnet_lite0", "conv_stem", "bn1"),
    ],
)
def test_maps_behind_a_convolution_that_pads_stay_as_they_were_but_for_the_border(
    name: str, convolution: str, norm: str
) -> None:
    encoder, pixels = trained(name), torch.rand(2, 3, 32, 32)
    first = nn.Sequential(encoder.get_submodule(convolution), encoder.get_submodule(norm))
    before = first(normalised(pixels, MEAN, STD))
    assert rescale_inputs(encoder, 32, trained=(MEAN, STD), given=OURS)
    after = first(normalised(pixels, *OURS))
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(after[inner], before[inner], rtol=1e-4, atol=1e-4)


def test_layers_that_standardise_their_weights_are_left_as_they_are_and_that_is_said() -> None:
    encoder = trained("test_nfnet")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    said = rescale_inputs(encoder, 32, trained=((0.4,) * 3, (0.2,) * 3), given=OURS)
    assert said == "the first layer is left as it is, though it was trained on images of mean 0.4, std 0.2"
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_nothing_is_changed_or_said_where_images_are_normalised_alike() -> None:
    encoder = trained("test_resnet")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    assert rescale_inputs(encoder, 32, trained=OURS, given=OURS) == ""
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@torch.no_grad()
def test_grey_images_of_a_run_have_the_features_of_three_equal_channels_normalised_as_published(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = timm.create_model("convnext_atto").eval()
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    encoder = create_encoder("convnext_atto", 1, 32, seed=5).eval()
    spec = EncoderSpec(name="convnext_atto", in_channels=1, size=32)
    load_start(encoder, spec, f"timm:convnext_atto={tmp_path / 'w.safetensors'}")
    pixels = torch.rand(2, 1, 32, 32)
    theirs = whole.forward_head(
        whole.forward_features(normalised(pixels.expand(-1, 3, -1, -1), MEAN, STD)), pre_logits=True
    )
    torch.testing.assert_close(encoder(2 * pixels - 1), theirs, rtol=1e-4, atol=1e-5)


FAMILIES = "densenet121 efficientnet_b0 vgg11 vgg11_bn mobilevit_xxs mobileone_s0 fastvit_t8 resnet18d dla34 resnest14d"


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES.split())
def test_the_features_of_other_families_are_off_by_what_borders_do_and_no_more(name: str) -> None:
    """As it is, each is off by nine times as much at least."""
    encoder = create_encoder(name, 3, 96, seed=0).eval()
    for part in encoder.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.1, 0.1)
            nn.init.uniform_(part.running_var, 0.8, 1.2)
    torch.manual_seed(0)
    pixels = 0.2 + 0.6 * torch.rand(1, 3, 96, 96)
    wanted, as_it_is = encoder(normalised(pixels, MEAN, STD)), encoder(normalised(pixels, *OURS))
    assert "rescaled" in rescale_inputs(encoder, 96, trained=(MEAN, STD), given=OURS)
    off = (encoder(normalised(pixels, *OURS)) - wanted).norm()
    assert off < 0.05 * wanted.norm()
    assert off < (as_it_is - wanted).norm() / 9
