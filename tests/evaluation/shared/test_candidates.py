"""Candidates: which encoder a label names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fastssl.errors import CheckpointError
from fastssl.evaluation.shared.baselines import random_baseline
from fastssl.evaluation.shared.candidates import open_run
from fastssl.models.encoder import create_encoder
from fastssl.models.encoder_file import load_encoder


def test_a_run_goes_by_its_folder_s_name_unless_told_otherwise(run_folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "mine.safetensors"
    alone.write_bytes((run_folder / "encoder.safetensors").read_bytes())
    assert open_run(run_folder).label == "run"
    assert open_run(run_folder / "encoder.safetensors").label == "run"
    assert open_run(alone).label == "mine"
    assert open_run(run_folder, "MoCo").label == "MoCo"


def test_a_run_is_its_exported_encoder(run_folder: Path) -> None:
    named, loaded = open_run(run_folder), load_encoder(run_folder)
    assert named.spec == loaded.spec
    assert not named.encoder.training
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(named.encoder(images), loaded.module(images))


def test_random_init_is_the_same_model_with_the_weights_of_its_seed(run_folder: Path) -> None:
    spec = load_encoder(run_folder).spec
    named = random_baseline(spec, seed=4)
    expected = create_encoder(spec.name, spec.in_channels, spec.size, seed=4).eval()
    images = torch.rand(2, 1, 16, 16)
    assert named.label == "random init"
    assert torch.equal(named.encoder(images), expected(images))


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        open_run(tmp_path)
