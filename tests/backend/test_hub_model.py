"""A pushed encoder is the trained one: timm makes it of the folder alone, with equal features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch

import fastssl
from fastssl import backend
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder


def saved(folder: Path, name: str, size: int, channels: int = 1, stem: str = "standard") -> Path:
    spec = EncoderSpec(
        name=name, in_channels=channels, size=size, stem=stem, mean=0.25, std=0.125, value_range="0,4095"
    )  # type: ignore[arg-type]
    save_encoder(folder / "encoder.safetensors", create_encoder(name, channels, size, spec.stem, seed=1), spec)
    return folder


@pytest.mark.parametrize(
    ("name", "size", "channels"),
    [("test_resnet", 40, 1), ("test_vit", 64, 3), ("test_vit", 28, 1), ("test_convnext", 64, 1)],
)
def test_timm_makes_the_encoder_of_the_folder(tmp_path: Path, name: str, size: int, channels: int) -> None:
    run = saved(tmp_path, name, size, channels)
    hub_name = backend.push_encoder(run, folder=tmp_path / "model")
    assert hub_name == f"local-dir:{tmp_path / 'model'}"
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"config.json", "model.safetensors"}
    model = timm.create_model(hub_name, pretrained=True).eval()
    encoder, spec = fastssl.load_encoder(run)
    images = torch.randn(3, channels, size, size)
    with torch.no_grad():
        torch.testing.assert_close(model(images), encoder(images))
    assert list(model.state_dict()) == list(encoder.state_dict())
    data = timm.data.resolve_model_data_config(model)
    assert tuple(data["mean"]) == spec.channel_mean
    assert tuple(data["std"]) == spec.channel_std
    assert tuple(data["input_size"]) == (channels, size, size)


def test_the_folder_tells_the_range_and_takes_a_new_head(tmp_path: Path) -> None:
    hub_name = backend.push_encoder(saved(tmp_path, "test_resnet", 40), folder=tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architecture"] == "test_resnet"
    assert config["num_classes"] == 0
    assert config["value_range"] == "0,4095"
    assert timm.create_model(hub_name, pretrained=True, num_classes=5)(torch.zeros(1, 1, 40, 40)).shape == (1, 5)


def test_what_the_format_cannot_describe_is_refused(tmp_path: Path) -> None:
    small = saved(tmp_path, "resnet18", 28, stem="small")
    with pytest.raises(ConfigError, match="resnet18 with a small stem cannot be described in timm's hub format; train"):
        backend.push_encoder(small, folder=tmp_path / "model")
    assert {path.name for path in tmp_path.iterdir()} == {"encoder.safetensors"}


def test_a_folder_that_exists_or_no_target_is_refused(tmp_path: Path) -> None:
    run = saved(tmp_path, "test_resnet", 40)
    with pytest.raises(ConfigError, match="folder, repo_id: give one of them"):
        backend.push_encoder(run)
    with pytest.raises(ConfigError, match="folder, repo_id: give one of them"):
        backend.push_encoder(run, folder=tmp_path / "model", repo_id="a/b")
    with pytest.raises(DataError, match="exists; remove it"):
        backend.push_encoder(run, folder=tmp_path)
    with pytest.raises(CheckpointError, match="nowhere: no such file"):
        backend.push_encoder(tmp_path / "nowhere", folder=tmp_path / "model")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write in"):
        backend.push_encoder(run, folder=tmp_path / "file" / "model")
    assert {path.name for path in tmp_path.iterdir()} == {"encoder.safetensors", "file"}


def test_a_hub_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    run = saved(tmp_path, "test_resnet", 40)
    with pytest.raises(CheckpointError, match="somebody/encoder was not written on the hub") as caught:
        backend.push_encoder(run, repo_id="somebody/encoder")
    assert "\n" not in str(caught.value)
