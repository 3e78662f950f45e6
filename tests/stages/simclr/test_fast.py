"""Recipe fast: SimCLR for as short as helps, then a linear probe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import fastssl
from fastssl.errors import ConfigError
from fastssl.stages.registry import train_config
from fastssl.stages.simclr.defaults import SimCLRDefaults


@pytest.mark.parametrize(("steps_per_epoch", "steps"), [(1, 200), (36, 200), (100, 200), (500, 1000)])
def test_two_epochs_or_two_hundred_steps(steps_per_epoch: int, steps: int) -> None:
    config = train_config({"stage": "simclr"})
    fast = config.model_copy(update={"recipe": "fast"})
    assert SimCLRDefaults().auto_steps(fast, steps_per_epoch) == steps
    assert SimCLRDefaults().auto_steps(config, steps_per_epoch) == 100 * steps_per_epoch


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 24), ("val", 8), ("test", 8)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(count)[:, None] % 2
    path = tmp_path / "images.npz"
    np.savez(path, **arrays)
    return path


def settings_of(folder: Path) -> dict:
    return yaml.safe_load((folder / "simclr" / "config.yaml").read_text(encoding="utf-8"))


def test_it_trains_simclr_and_probes_it(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = {"batch_size": 8, "steps": 2, "temperature": 0.3}
    result = fastssl.train(recipe="fast", data=str(images), out=out, device="cpu", **asked)
    assert result.evaluated
    settings = settings_of(out)
    assert (settings["stage"], settings["size"], settings["temperature"]) == ("simclr", 28, 0.3)
    report = json.loads((out / "simclr" / "report" / "probe.json").read_text(encoding="utf-8"))
    assert {row["features"] for row in report["rows"]} >= {"trained", "random init"}
    assert (out / "encoder.safetensors").read_bytes() == (out / "simclr" / "encoder.safetensors").read_bytes()


def test_its_length_is_its_own_on_the_demo_data_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="smaller batch size"):
        fastssl.train(recipe="fast", data="demo", batch_size=10**6, out=tmp_path / "run", device="cpu")
    assert "minutes" not in capsys.readouterr().out


def test_it_stops_and_goes_on(images: Path, tmp_path: Path) -> None:
    whole = {"recipe": "fast", "data": str(images), "batch_size": 8, "steps": 4, "device": "cpu", "threads": 1}
    fastssl.train(**whole, out=tmp_path / "whole")
    stopped = fastssl.train(**whole, out=tmp_path / "parts", stop_after=2)
    assert not stopped.finished
    resumed = fastssl.train(**whole, out=tmp_path / "parts", resume=True)
    assert resumed.evaluated
    files = [tmp_path / name / "encoder.safetensors" for name in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()
