"""Contenders: which encoder stands behind a label."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fastssl.errors import CheckpointError
from fastssl.evaluation.shared.candidates import random_contender, run_contender
from fastssl.models.encoder import create_encoder, load_encoder


def test_a_run_goes_by_its_folder_s_name_unless_told_otherwise(run_folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "mine.safetensors"
    alone.write_bytes((run_folder / "encoder.safetensors").read_bytes())
    assert run_contender(run_folder).label == "run"
    assert run_contender(run_folder / "encoder.safetensors").label == "run"
    assert run_contender(alone).label == "mine"
    assert run_contender(run_folder, "MoCo").label == "MoCo"


def test_a_run_is_its_exported_encoder(run_folder: Path) -> None:
    contender, loaded = run_contender(run_folder), load_encoder(run_folder)
    assert contender.spec == loaded.spec
    assert not contender.encoder.training
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(contender.encoder(images), loaded.module(images))


def test_random_init_is_the_same_model_with_the_weights_of_its_seed(run_folder: Path) -> None:
    spec = load_encoder(run_folder).spec
    contender = random_contender(spec, seed=4)
    expected = create_encoder(spec.name, spec.in_channels, spec.size, seed=4).eval()
    images = torch.rand(2, 1, 16, 16)
    assert contender.label == "random init"
    assert torch.equal(contender.encoder(images), expected(images))


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        run_contender(tmp_path)
