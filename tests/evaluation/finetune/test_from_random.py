"""Fine-tuning without a run: the word random, and data of one's own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import fastssl
from fastssl.errors import ConfigError
from fastssl.evaluation.finetune.from_random import candidates_without_run, data_without_run
from fastssl.evaluation.finetune.report import FinetuneResult
from fastssl.evaluation.shared.baselines import SCRATCH
from fastssl.models.encoder import create_encoder

TINY = {"epochs": 1, "trials": 2, "device": "cpu", "batch_size": 16, "encoder": "test_resnet"}


def finetune(*runs: str, **settings: Any) -> FinetuneResult:
    return fastssl.finetune(runs, console=Console(file=io.StringIO()), **{**TINY, **settings})


def test_random_weights_are_trained_on_the_data_that_are_given(
    tmp_path: Path, data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = finetune("random", data=str(data_file))
    assert [row.encoder for row in result.rows] == [SCRATCH]
    assert len(result.trials) == 2
    assert not result.comparisons
    assert (tmp_path / "runs" / f"supervised-{data_file.stem}" / "report" / "finetune.json").is_file()
    assert not any("how many labels pre-training saves" in note for note in result.notes)


def test_every_trial_begins_with_weights_of_its_own_seed(tmp_path: Path, data_file: Path) -> None:
    config = fastssl.FinetuneConfig(data=str(data_file), encoder="test_resnet", device="cpu")
    data = data_without_run(config, Console(file=io.StringIO()))
    (candidate,) = candidates_without_run(data, config, tmp_path)
    for seed in (0, 3):
        expected = create_encoder("test_resnet", 1, data.size, seed=seed).state_dict()
        own = candidate.start(seed).encoder.state_dict()
        assert all(torch.equal(own[name], value) for name, value in expected.items())


def test_what_random_needs_and_what_it_does_not_go_with_is_said(run_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"data: random is no run, whose data could be taken; give --data"):
        finetune("random")
    with pytest.raises(ConfigError, match="random: stands alone"):
        finetune("random", str(run_folder), data="demo")
    with pytest.raises(ConfigError, match="encoder=test_resnet: is for the run random"):
        finetune(str(run_folder))
