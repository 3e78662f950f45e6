"""Candidates: which encoder a label names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fastssl.config import FinetuneConfig, build
from fastssl.errors import CheckpointError
from fastssl.evaluation.shared.baselines import random_baseline
from fastssl.evaluation.shared.candidates import Candidate, open_run, run_candidates
from fastssl.evaluation.shared.pretrained import models_asked_for
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.spec_text import TrainedSteps


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


@pytest.mark.parametrize(
    ("done", "said"), [(27, ("run: its training has not ended, step 27 of 100",)), (100, ()), (None, ())]
)
def test_an_encoder_that_was_exported_before_its_training_ended_says_so(
    run_folder: Path, done: int | None, said: tuple[str, ...]
) -> None:
    encoder, spec = load_encoder(run_folder)
    steps = None if done is None else TrainedSteps(step=done, total_steps=100)
    save_encoder(run_folder / "encoder.safetensors", encoder, spec, steps)
    (candidate,) = run_candidates([open_run(run_folder)], [run_folder], None)
    assert candidate.notes == said


def test_pixels_that_an_encoder_does_not_see_are_said_at_the_size_that_it_sees_images_at(tmp_path: Path) -> None:
    spec = EncoderSpec(name="legacy_xception", in_channels=1, size=29)
    save_encoder(tmp_path / "encoder.safetensors", create_encoder(spec.name, 1, spec.size, seed=0), spec)
    run = open_run(tmp_path, "x")
    assert run_candidates([run], [tmp_path], None)[0].notes == ()
    (note,) = run_candidates([run], [tmp_path], 28)[0].notes
    assert note == "93.0% of a 28x28 image reaches the features of legacy_xception; --size 27 or 29 loses nothing"


def test_what_was_matched_of_a_file_of_imagenet_weights_is_said(tmp_path: Path) -> None:
    weights = {
        f"module.{key}": value for key, value in create_encoder("test_resnet", 3, 32, seed=1).state_dict().items()
    }
    torch.save({"state_dict": weights}, tmp_path / "w.pth")
    asked = build(FinetuneConfig, {"imagenet": "test_resnet", "imagenet_weights": tmp_path / "w.pth"})
    found = models_asked_for(asked)[0][0].load(1, 32)
    (note,) = Candidate.of(found, "ImageNet", 32, tmp_path).notes
    assert note.startswith(f"{tmp_path / 'w.pth'}: ")
    assert " tensors under state_dict.module.; the first convolution is summed over the colours" in note
