"""A trained encoder loads by timm's and segmentation_models_pytorch's own calls, as docs/embedding has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch

from fastssl.models.encoder import EncoderSpec, Stem, create_encoder
from fastssl.models.encoder_file import save_encoder

SIZE = 64
CONVNEXT = {"encoder_depth": 4, "decoder_channels": (64, 32, 16, 8)}


def trained(path: Path, name: str, channels: int = 1, stem: Stem = "standard") -> torch.nn.Module:
    """An encoder whose weights and statistics are no fresh model's, and its file."""
    encoder = create_encoder(name, channels, SIZE, stem, seed=0)
    with torch.no_grad():
        encoder.train()(torch.randn(4, channels, SIZE, SIZE))
    save_encoder(path, encoder, EncoderSpec(name=name, in_channels=channels, size=SIZE, stem=stem))
    return encoder.eval()


def overlay(path: Path) -> dict[str, Any]:
    return {"file": str(path), "first_conv": None}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("name", "settings"), [("test_resnet", {}), ("resnet18", {}), ("efficientnet_b0", {}), ("convnext_atto", CONVNEXT)]
)
def test_smp_builds_a_unet_over_the_encoder(tmp_path: Path, name: str, settings: dict, channels: int) -> None:
    encoder = trained(tmp_path / "encoder.safetensors", name, channels)
    unet = smp.Unet(
        f"tu-{name}",
        encoder_weights=True,
        in_channels=channels,
        classes=2,
        pretrained_cfg_overlay=overlay(tmp_path / "encoder.safetensors"),
        **settings,
    ).eval()
    images = torch.randn(2, channels, SIZE, SIZE)
    with torch.no_grad():
        wanted = encoder.forward_intermediates(images, intermediates_only=True)
        maps = unet.encoder.model(images)
        assert unet(images).shape == (2, 2, SIZE, SIZE)
    by_shape = {map.shape: map for map in wanted}  # smp leaves out some, and puts empty ones in
    shared = [map for map in maps if map.shape in by_shape]
    assert len(shared) >= 3
    torch.testing.assert_close(shared, [by_shape[map.shape] for map in shared])


def test_smp_refuses_the_weights_of_another_first_layer(tmp_path: Path) -> None:
    trained(tmp_path / "encoder.safetensors", "resnet18", stem="small")
    with pytest.raises(RuntimeError, match=r"size mismatch for conv1\.weight"):
        smp.Unet(
            "tu-resnet18",
            encoder_weights=True,
            in_channels=1,
            pretrained_cfg_overlay=overlay(tmp_path / "encoder.safetensors"),
        )


@pytest.mark.parametrize("name", ["test_resnet", "efficientnet_b0"])
def test_timm_takes_the_file_as_a_checkpoint_and_for_feature_maps(tmp_path: Path, name: str) -> None:
    path = tmp_path / "encoder.safetensors"
    encoder = trained(path, name)
    images = torch.randn(2, 1, SIZE, SIZE)
    pooled = timm.create_model(name, checkpoint_path=path, in_chans=1, num_classes=0).eval()
    maps = timm.create_model(
        name, pretrained=True, pretrained_cfg_overlay=overlay(path), in_chans=1, features_only=True
    ).eval()
    with torch.no_grad():
        torch.testing.assert_close(pooled(images), encoder(images), rtol=0, atol=0)
        torch.testing.assert_close(maps(images)[-1], encoder.forward_intermediates(images, intermediates_only=True)[-1])


def test_timm_gives_the_encoder_a_new_classifier(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    encoder = trained(path, "test_resnet")
    classifier = timm.create_model(
        "test_resnet", pretrained=True, pretrained_cfg_overlay=overlay(path), in_chans=1, num_classes=5
    ).eval()
    images = torch.randn(2, 1, SIZE, SIZE)
    with torch.no_grad():
        assert classifier(images).shape == (2, 5)
        torch.testing.assert_close(
            classifier.forward_head(classifier.forward_features(images), pre_logits=True), encoder(images)
        )
