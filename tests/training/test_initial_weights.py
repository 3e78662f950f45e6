"""The weights that a run starts from: those asked for, those of a run near by, or none; never another stage's.

Covers: where is looked, and in which order. Does not cover: runs that do not fit (`tests/stages/pretext`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastssl.config.train import TrainConfig
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.stages.registry import STAGES, stage_entry, train_config
from fastssl.training.initial_weights import initial_weights

FOLLOWS_NONE = [name for name in STAGES if not stage_entry(name).follows]


def config(**settings: Any) -> TrainConfig:
    return train_config({"stage": "pretext", "data": "cells"} | settings)


def a_run(folder: Path, *, stage: str = "moco", data: str = "cells", encoder: bool = True) -> Path:
    """A folder that looks like a run of so far."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(f"{{stage: {stage}, data: {data}}}")
    if encoder:
        spec = EncoderSpec(name="test_resnet", in_channels=1, size=20)
        save_encoder(folder / "encoder.safetensors", create_encoder("test_resnet", 1, 20), spec)
    return folder


@pytest.mark.parametrize("stage", FOLLOWS_NONE)
def test_a_stage_that_follows_none_takes_what_is_asked_for_and_nothing_else(stage: str, tmp_path: Path) -> None:
    a_run(tmp_path / "moco")
    assert initial_weights(config(stage=stage), tmp_path / "run") == (None, "")
    assert initial_weights(config(stage=stage, init=tmp_path / "x"), tmp_path / "run") == (tmp_path / "x", "")


def test_what_is_asked_for_goes_before_a_run_near_by(tmp_path: Path) -> None:
    a_run(tmp_path / "moco")
    asked = tmp_path / "other.safetensors"
    assert initial_weights(config(init=asked), tmp_path / "run") == (asked, f"starts from {asked}")


def test_the_run_around_the_folder_goes_before_its_neighbour_and_that_before_the_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/pretext-cells")
    default, neighbour = a_run(Path("runs/moco-cells")), Path("runs/moco")
    assert initial_weights(config(), folder) == (default, f"starts from the MoCo run in {default}")
    a_run(neighbour)
    assert initial_weights(config(), folder)[0] == neighbour
    a_run(Path("runs"))
    assert initial_weights(config(), folder)[0] == Path("runs")
    assert initial_weights(config(), Path("elsewhere/run"))[0] is None  # the default run belongs to the default folder


def test_a_run_that_was_stopped_before_it_had_an_encoder_is_named_and_left_alone(tmp_path: Path) -> None:
    moco = a_run(tmp_path / "moco", encoder=False)
    init, line = initial_weights(config(), tmp_path / "run")
    assert init is None
    assert line.startswith(f"starts from random weights: {moco} is a MoCo run without an encoder yet; give a trained")


def test_runs_of_other_stages_are_not_even_mentioned(tmp_path: Path) -> None:
    a_run(tmp_path / "moco", stage="tower")
    init, line = initial_weights(config(), tmp_path / "run")
    assert (init, line) == (None, "starts from random weights: give a trained encoder with --init RUN")
