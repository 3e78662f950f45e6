"""What the evaluations' help says of sizes and seeds, and that they do what it says."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.evaluation.shared.features import FeatureKey
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.pipelines import Plain

SIZE, OTHER = 16, 24
"""Of the fixture's run, and of another."""


@pytest.fixture
def large(data_file: Path, tmp_path: Path) -> str:
    """The run's data at twice the side of its encoder."""
    arrays = dict(np.load(data_file))
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = arrays[f"{split}_images"].repeat(2, axis=1).repeat(2, axis=2)
    np.savez(tmp_path / "large.npz", **arrays)
    return str(tmp_path / "large.npz")


@pytest.fixture
def other_run(tmp_path: Path) -> Path:
    """An encoder of another size."""
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=OTHER)
    save_encoder(tmp_path / "other.safetensors", create_encoder(spec.name, 1, OTHER, seed=11), spec)
    return tmp_path / "other.safetensors"


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([command, "--help"]) == 0
    return " ".join(capsys.readouterr().out.replace("\u2502", " ").split())


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.mark.parametrize(
    ("command", "whose"),
    [("probe", "the encoder's"), ("fewshot", "each encoder's own"), ("finetune", "the first encoder's")],
)
def test_the_size_is_said_to_be_the_encoders(command: str, whose: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = help_of(command, capsys)
    assert f"--size INT Image side in pixels (auto: {whose})." in said
    assert "as the data has it" not in said


def test_a_probe_sees_images_at_the_encoders_size(run_folder: Path, large: str) -> None:
    assert fastssl.probe(run_folder, console=quiet(), data=large, device="cpu").size == SIZE


def test_fine_tuning_sees_images_at_the_first_encoders_size(run_folder: Path, other_run: Path, large: str) -> None:
    settings: dict[str, Any] = {"trials": 1, "epochs": 1, "frozen": True, "device": "cpu", "data": large}
    assert fastssl.finetune([run_folder, other_run], console=quiet(), **settings).size == SIZE


def test_few_shot_encoders_see_images_at_their_own_sizes(
    run_folder: Path, other_run: Path, large: str, kept_features: Callable[[Path], list[FeatureKey]]
) -> None:
    settings: dict[str, Any] = {"shots": 1, "seeds": 1, "imagenet": "none", "device": "cpu", "data": large}
    fastssl.fewshot([run_folder, other_run], console=quiet(), **settings)
    own, others = (kept_features(folder) for folder in (run_folder, other_run.with_suffix("")))
    assert {key.view for key in own} == {repr(Plain(SIZE, 1))}
    assert {key.view for key in others} == {repr(Plain(OTHER, 1))}


@pytest.mark.parametrize("command", ["probe", "fewshot"])
def test_seeds_that_draw_no_weights_are_not_called_the_seed_of_everything(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = help_of(command, capsys)
    assert "Seed of everything random" not in said
    assert "held out of train" in said
