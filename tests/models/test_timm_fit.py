"""Models fitted to a size: plain timm where that does, and the line of Python that builds an export by timm alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import nn

from fastssl.models.encoder import EncoderSpec, Stem, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.models.timm_call import timm_call
from fastssl.models.timm_fit import fit_to_size

EXPORTS: list[tuple[str, int, int, Stem]] = [
    ("resnet18", 1, 28, "standard"),
    ("resnet18", 3, 28, "small"),
    ("test_efficientnet", 1, 64, "standard"),
    ("test_vit", 1, 32, "standard"),
    ("vit_tiny_patch16_224", 1, 28, "standard"),
    ("vit_tiny_patch16_224", 3, 224, "standard"),
    ("swin_tiny_patch4_window7_224", 1, 30, "standard"),
    ("mixer_s32_224", 1, 40, "standard"),
    ("convnext_atto", 1, 28, "standard"),
    ("convnext_atto", 1, 64, "standard"),
    ("coat_tiny", 1, 32, "standard"),
]


@pytest.mark.parametrize(("name", "channels", "size", "stem"), EXPORTS)
def test_the_line_for_timm_builds_the_exported_encoder(
    tmp_path: Path, name: str, channels: int, size: int, stem: Stem
) -> None:
    encoder = create_encoder(name, channels, size, stem, seed=4).eval()
    spec = EncoderSpec(name=name, in_channels=channels, size=size, stem=stem)
    save_encoder(tmp_path / "encoder.safetensors", encoder, spec)
    names: dict[str, Any] = {"timm": timm, "torch": torch}
    line = timm_call(spec)
    assert "\n" not in line
    exec(line, names)
    plain: nn.Module = names["encoder"]
    plain.load_state_dict(load_file(tmp_path / "encoder.safetensors"), strict=True)
    images = torch.randn(2, channels, size, size)
    with torch.no_grad():
        torch.testing.assert_close(plain.eval()(images), encoder(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "size", "line"),
    [
        ("resnet18", 64, "encoder = timm.create_model('resnet18', in_chans=1, num_classes=0)"),
        ("convnext_atto", 30, "encoder = timm.create_model('convnext_atto', in_chans=1, num_classes=0, patch_size=3)"),
        ("test_vit", 48, "encoder = timm.create_model('test_vit', in_chans=1, num_classes=0, img_size=48)"),
    ],
)
def test_where_patches_divide_the_image_the_model_is_plain_timm(name: str, size: int, line: str) -> None:
    assert timm_call(EncoderSpec(name=name, in_channels=1, size=size)) == line


def test_images_are_padded_inside_the_model_to_the_next_whole_patch() -> None:
    """The same features as of images that are padded outside, by the model of that size."""
    encoder = create_encoder("test_vit", 1, 28, seed=0).eval()
    whole = timm.create_model("test_vit", in_chans=1, num_classes=0, img_size=32).eval()
    whole.load_state_dict(encoder.state_dict(), strict=True)
    images = torch.randn(2, 1, 28, 28)
    padded = nn.functional.pad(images, (0, 4, 0, 4))
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), whole(padded), rtol=0, atol=0)


def test_finding_the_patches_draws_no_random_number() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit_to_size("vit_small_patch16_224", 28)
    assert torch.equal(torch.rand(3), expected)
