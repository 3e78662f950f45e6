"""A run's encoder before training is the one that the run began with, not one of the evaluation's seed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import nn

import fastssl
from fastssl.evaluation.shared.baselines import seed_of, untrained_baseline
from fastssl.evaluation.shared.features import FeatureKey, encoder_digest
from fastssl.models.encoder import create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder

IMAGES = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
SHORT: dict[str, Any] = {"shots": (1,), "seeds": 2, "imagenet": "none", "device": "cpu", "amp": False}


def configure(run: Path, **settings: object) -> None:
    path = run / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **settings}))


def features(encoder: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = encoder.eval()(IMAGES)
    return found


def same(encoder: nn.Module, other: nn.Module) -> bool:
    return torch.equal(features(encoder), features(other))


def test_it_has_the_weights_of_the_runs_seed(run_folder: Path) -> None:
    configure(run_folder, seed=5, init=None)
    found, line = untrained_baseline(run_folder, load_encoder(run_folder).spec, seed=0)
    assert same(found.encoder, create_encoder("test_resnet", 1, 16, seed=5))
    assert not same(found.encoder, create_encoder("test_resnet", 1, 16, seed=0))
    assert line == "random init: the first run's encoder before training, random weights of its seed 5"
    assert seed_of(run_folder) == 5


def test_it_has_the_weights_that_the_run_started_from(run_folder: Path, tmp_path: Path) -> None:
    spec = load_encoder(run_folder).spec
    start = create_encoder("test_resnet", 1, 16, seed=8)
    (tmp_path / "earlier").mkdir()
    save_encoder(tmp_path / "earlier" / "encoder.safetensors", start, spec)
    configure(run_folder, seed=5, init=str(tmp_path / "earlier"))
    found, line = untrained_baseline(run_folder, spec, seed=0)
    assert same(found.encoder, start)
    assert found.label == "before training (earlier)"
    assert line == f"{found.label}: the first run's encoder as it began, from {tmp_path / 'earlier'}"


def test_it_has_the_published_weights_that_the_run_started_from(run_folder: Path, tmp_path: Path) -> None:
    spec = load_encoder(run_folder).spec
    start = create_encoder("test_resnet", 3, 16, seed=8)
    save_file(start.state_dict(), tmp_path / "w.safetensors")
    init = f"timm:test_resnet={tmp_path / 'w.safetensors'}"
    configure(run_folder, seed=5, init=init)
    found, line = untrained_baseline(run_folder, spec, seed=0)
    images = IMAGES.expand(-1, 3, -1, -1)
    with torch.no_grad():
        torch.testing.assert_close(features(found.encoder), start.eval()(images), rtol=1e-4, atol=1e-5)
    assert found.label == f"before training ({init})"
    assert line == f"{found.label}: the first run's encoder as it began, from {init}"


def test_where_published_weights_cannot_be_had_it_is_random_and_that_is_said(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    configure(run_folder, seed=5, init="timm:resnet18.gluon_in1k")  # in no one's cache
    found, line = untrained_baseline(run_folder, load_encoder(run_folder).spec, seed=0)
    assert same(found.encoder, create_encoder("test_resnet", 1, 16, seed=5))
    assert "its weights cannot be downloaded (HF_HUB_OFFLINE is set)" in line


def test_where_the_start_is_lost_it_is_random_and_that_is_said(run_folder: Path, tmp_path: Path) -> None:
    configure(run_folder, seed=5, init=str(tmp_path / "gone.safetensors"))
    found, line = untrained_baseline(run_folder, load_encoder(run_folder).spec, seed=0)
    assert same(found.encoder, create_encoder("test_resnet", 1, 16, seed=5))
    assert line.startswith("random init: random weights of its seed 5; the first run began with others that are lost (")
    assert "gone.safetensors: no such file" in line


def test_an_encoder_without_a_configuration_gets_the_evaluations_seed(run_folder: Path, tmp_path: Path) -> None:
    found, line = untrained_baseline(tmp_path, load_encoder(run_folder).spec, seed=6)
    assert same(found.encoder, create_encoder("test_resnet", 1, 16, seed=6))
    assert line.endswith("random weights of seed 6, as the run's own is not known")


@pytest.mark.parametrize(
    ("stage", "prefix"), [("moco", "encoder."), ("tower", "network.encoder."), ("vae", "encoder.")]
)
def test_it_is_the_encoder_of_the_runs_checkpoint_of_step_0(
    stage: str, prefix: str, data_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "trained"
    short: dict[str, Any] = {"steps": 1, "batch_size": 8, "device": "cpu", "amp": False, "encoder": "test_resnet"}
    quiet = Console(quiet=True)
    fastssl.train(stage=stage, data=str(data_file), out=run, seed=5, console=quiet, **short)
    kept = load_file(run / "checkpoints" / "step-00000000" / "stage.safetensors")
    start = {key.removeprefix(prefix): value for key, value in kept.items() if key.startswith(prefix)}
    trained, spec = load_encoder(run)
    found = untrained_baseline(run, spec, seed=0)[0].encoder
    assert start
    assert found.state_dict().keys() == start.keys()
    assert all(torch.equal(value, start[key]) for key, value in found.state_dict().items())
    assert not same(trained, found)


@pytest.mark.parametrize("evaluate", [fastssl.fewshot, fastssl.probe], ids=["fewshot", "probe"])
def test_evaluations_take_the_runs_seed_and_not_their_own(
    evaluate: Any, run_folder: Path, kept_features: Callable[[Path], list[FeatureKey]]
) -> None:
    configure(run_folder, seed=5)
    settings = SHORT if evaluate is fastssl.fewshot else {"device": "cpu", "amp": False}
    evaluate(run_folder, console=Console(file=io.StringIO()), seed=1, **settings)
    trained, spec = load_encoder(run_folder)
    start = create_encoder("test_resnet", 1, 16, seed=5)
    digests = {encoder_digest(encoder, repr(spec)) for encoder in (trained, start)}
    assert {key.encoder for key in kept_features(run_folder)} == digests
