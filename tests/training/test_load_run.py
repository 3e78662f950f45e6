"""A trained run, read back: its settings, its data, its weights, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import fastssl
from fastssl.errors import CheckpointError, DataError
from fastssl.stages.registry import train_config
from fastssl.training.load_run import load_run
from fastssl.training.run_folder import claim_recipe

SETTINGS = {"encoder": "test_resnet", "batch_size": 16, "queue_size": 40, "device": "cpu", "amp": False, "seed": 4}


@pytest.fixture
def run(tmp_path: Path, grey_npz: Path) -> Path:
    """Three steps of MoCo, with a checkpoint after each."""
    folder = tmp_path / "run"
    console = Console(file=io.StringIO())
    fastssl.train(**SETTINGS, data=str(grey_npz), steps=3, checkpoint_every=1, out=folder, console=console)
    return folder


def test_the_stage_has_the_newest_checkpoints_weights_and_is_in_eval_mode(run: Path) -> None:
    loaded = load_run(run, device="cpu", amp=False)
    stored = load_file(run / "checkpoints" / "step-00000003" / "stage.safetensors")
    state = loaded.run.stage.state_dict()
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[name], stored[name]) for name in stored)
    assert not any(module.training for module in loaded.run.stage.modules())
    assert loaded.step == 3


def test_settings_data_and_view_are_the_runs(run: Path) -> None:
    loaded = load_run(run, device="cpu")
    assert (loaded.run.settings.seed, loaded.run.settings.batch_size, loaded.run.settings.size) == (4, 16, 20)
    assert (loaded.run.spec.name, loaded.run.spec.in_channels, loaded.run.spec.size) == ("test_resnet", 1, 20)
    assert (loaded.run.info.images, loaded.run.info.channels) == (52, 1)
    assert len(loaded.run.source.splits["train"]) == 52
    assert (loaded.run.view.size, loaded.run.view.channels) == (20, 1)


def test_the_encoder_is_the_exported_one(run: Path) -> None:
    images = torch.randn(4, 1, 20, 20)
    with torch.no_grad():
        features = load_run(run, device="cpu").run.stage.encoder(images)
        expected = fastssl.load_encoder(run).module(images)
    torch.testing.assert_close(features, expected)


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(run: Path) -> None:
    newest = run / "checkpoints" / "step-00000003" / "stage.safetensors"
    newest.write_bytes(newest.read_bytes()[:-8] + bytes(8))
    told: list[str] = []
    assert load_run(run, device="cpu", notify=told.append).step == 2
    assert "step-00000003: damaged" in told[0]


def test_other_images_of_the_runs_kind_stand_in_for_its_own(run: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", train_images=np.zeros((3, 30, 30), np.uint8))
    loaded = load_run(run, data=tmp_path / "few.npz", device="cpu")
    assert loaded.run.source.splits["train"].images.shape == (3, 20, 20, 1)
    np.savez(tmp_path / "colour.npz", train_images=np.zeros((3, 20, 20, 3), np.uint8))
    with pytest.raises(DataError, match=r"colour: images have 3 channel\(s\), the run was trained on 1"):
        load_run(run, data=tmp_path / "colour.npz", device="cpu")


def test_a_run_without_checkpoints_is_opened_but_not_loaded(run: Path) -> None:
    for path in (run / "checkpoints").rglob("manifest.json"):
        path.unlink()
    assert load_run(run, weights=False, device="cpu").run.settings.seed == 4
    with pytest.raises(CheckpointError, match="every checkpoint is damaged"):
        load_run(run, device="cpu")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run here"):
        load_run(tmp_path)


def test_a_run_needs_the_weights_it_started_from_no_more(run: Path, grey_npz: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    start.write_bytes((run / "encoder.safetensors").read_bytes())
    settings = {"data": str(grey_npz), "steps": 4, "out": tmp_path / "second", "console": Console(file=io.StringIO())}
    fastssl.train(**SETTINGS, **settings, init=start, stop_after=2)
    start.unlink()
    assert load_run(tmp_path / "second", device="cpu").step == 2
    assert fastssl.train(out=tmp_path / "second", resume=True, console=settings["console"]).step == 4


def test_a_recipes_folder_is_refused_with_the_runs_it_holds(run: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mtcp"
    (recipe / "moco").mkdir(parents=True)
    claim_recipe(recipe, train_config({"recipe": "mtcp", "data": "demo"}), "fastssl train")
    (recipe / "moco" / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    with pytest.raises(CheckpointError, match="holds the runs of recipe mtcp; give one of them") as refused:
        load_run(recipe, device="cpu")
    assert str(recipe / "moco") in str(refused.value)
