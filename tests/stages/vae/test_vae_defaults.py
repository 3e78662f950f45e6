"""The VAE as a run: its automatic values, exact resuming, what it exports, and that it learns the demo set."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from rich.console import Console
from safetensors.torch import load_file

import fastssl
from fastssl.errors import ConfigError
from fastssl.models.encoder import create_encoder, feature_dim
from fastssl.models.vae_decoder import ConvDecoder
from fastssl.stages.vae.defaults import VAEDefaults
from fastssl.stages.vae.settings import VAESettings

DEFAULTS = VAEDefaults()
SMALL = {"stage": "vae", "encoder": "test_convnext", "batch_size": 16, "device": "cpu", "latent_dim": 8, "seed": 3}


def train(out: Path, data: Path | str, **settings: Any) -> fastssl.TrainResult:
    settings = SMALL | {"amp": False, "steps": 8} | settings
    return fastssl.train(**settings, data=str(data), out=out, console=Console(file=io.StringIO()))


def outcome(out: Path) -> dict[str, bytes]:
    """Every file that a run's end consists of."""
    newest = max((out / "checkpoints").glob("step-*"))
    files = [*newest.iterdir(), *out.glob("*.safetensors"), out / "metrics.jsonl"]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def metrics(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_the_encoder_is_a_convnext_smaller_on_a_cpu() -> None:
    assert DEFAULTS.encoder(on_cuda=True)[0] == "convnext_tiny"
    name, reason = DEFAULTS.encoder(on_cuda=False)
    assert (name, "CPU" in reason) == ("convnext_atto", True)


@pytest.mark.parametrize("name", ["convnext_atto", "convnext_tiny"])
@pytest.mark.parametrize("size", [8, 16, 20, 28, 31, 32, 64])
def test_the_default_encoders_take_images_of_every_size(name: str, size: int) -> None:
    assert feature_dim(create_encoder(name, 1, size, seed=0), 1, size) in (320, 768)


def test_biases_and_norms_are_not_decayed() -> None:
    settings = VAESettings(size=28, stem="standard", steps=10, lr=2e-3, weight_decay=0.3)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.GroupNorm(1, 2), torch.nn.Linear(2, 2))
    optimizer = DEFAULTS.optimizer(settings)(list(model.parameters()))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert isinstance(optimizer, torch.optim.AdamW)
    assert [decay[id(parameter)] for parameter in model.parameters()] == [0.3, 0, 0, 0, 0.3, 0]
    assert {group["lr"] for group in optimizer.param_groups} == {2e-3}


def test_a_temperature_is_refused_since_nothing_is_contrasted() -> None:
    with pytest.raises(ConfigError, match=r"temperature is a setting of --stage moco or .*tower, not of --stage vae"):
        fastssl.train(stage="vae", temperature=0.1)


@pytest.mark.parametrize("setting", [{"latent_dim": 8}, {"beta": 0.5}, {"beta_warmup": 0.2}])
def test_its_settings_are_refused_by_other_stages(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is a setting of --stage vae"):
        fastssl.train(stage="moco", **setting)


@pytest.mark.parametrize(
    "setting", [{"latent_dim": 0}, {"beta": -0.1}, {"beta_warmup": 1.1}, {"beta_warmup": -0.1}], ids=str
)
def test_values_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        fastssl.train(stage="vae", **setting)


@pytest.mark.parametrize("settings", [{}, {"amp": True}, {"encoder": "test_resnet"}], ids=["fp32", "bf16", "resnet"])
def test_a_resumed_run_ends_in_the_same_bytes(tmp_path: Path, grey_npz: Path, settings: dict[str, Any]) -> None:
    """The noise of the latent draws and beta's warm-up, here over six steps, are part of what is resumed."""
    settings = {"beta_warmup": 0.75, **settings}
    train(tmp_path / "whole", grey_npz, **settings)
    train(tmp_path / "cut", grey_npz, **settings, stop_after=4)
    train(tmp_path / "cut", grey_npz, **settings, resume=True)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert [line["beta"] for line in metrics(tmp_path / "cut")] == pytest.approx([*(t / 6 for t in range(6)), 1, 1])


def test_encoder_and_decoder_load_strictly_elsewhere(tmp_path: Path, grey_npz: Path) -> None:
    train(tmp_path / "run", grey_npz, steps=2, encoder="test_resnet")
    timm.create_model("test_resnet", in_chans=1, num_classes=0).load_state_dict(
        load_file(tmp_path / "run" / "encoder.safetensors"), strict=True
    )
    decoder = ConvDecoder(8, 1, 20)
    decoder.load_state_dict(load_file(tmp_path / "run" / "decoder.safetensors"), strict=True)
    assert decoder(torch.zeros(1, 8)).shape == (1, 1, 20, 20)


def test_a_short_run_on_the_demo_set_beats_the_mean_picture_and_does_not_collapse(tmp_path: Path) -> None:
    train(tmp_path / "run", "demo", steps=60, batch_size=32, lr=3e-3, latent_dim=32)
    lines = metrics(tmp_path / "run")
    first, last = lines[:3], lines[-10:]
    mean_picture = 0.5 * 784 * 0.14 / 0.2**2  # the demo set's variance about its mean picture is 0.14
    reconstruction = sum(line["reconstruction"] for line in last) / len(last)
    assert reconstruction < 0.85 * mean_picture
    assert reconstruction < 0.5 * sum(line["reconstruction"] for line in first) / len(first)
    assert min(line["active_units"] for line in last) >= 4
