"""Recipe fast: SimCLR with values of its own, trained on smaller images, evaluated on the whole ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import fastssl
from fastssl.errors import ConfigError
from fastssl.stages.simclr.fast import fast_size, fast_steps


@pytest.mark.parametrize(("native", "size"), [(28, 16), (64, 37), (224, 128), (16, 16), (12, 12), (20, 16)])
def test_images_are_shrunk_but_never_below_sixteen_pixels(native: int, size: int) -> None:
    assert fast_size(native)[0] == size


@pytest.mark.parametrize(("steps_per_epoch", "steps"), [(1, 300), (36, 300), (150, 300), (500, 1000)])
def test_two_epochs_or_three_hundred_steps(steps_per_epoch: int, steps: int) -> None:
    assert fast_steps(steps_per_epoch) == steps


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


def test_it_trains_small_and_evaluates_whole(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = fastssl.train(recipe="fast", data=str(images), batch_size=8, steps=2, out=out, device="cpu")
    assert result.evaluated
    settings = settings_of(out)
    assert (settings["size"], settings["temperature"], settings["strength"]) == (16, 0.1, 0.5)
    report = json.loads((out / "simclr" / "report" / "probe.json").read_text(encoding="utf-8"))
    assert report["size"] == 28


def test_what_is_asked_for_wins_and_size_is_that_of_the_opened_images(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = {"temperature": 0.3, "min_crop": 0.2, "size": 56}
    fastssl.train(recipe="fast", data=str(images), batch_size=8, steps=2, out=out, device="cpu", **asked)
    settings = settings_of(out)
    assert (settings["temperature"], settings["min_crop"], settings["size"]) == (0.3, 0.2, 32)
    report = json.loads((out / "simclr" / "report" / "probe.json").read_text(encoding="utf-8"))
    assert report["size"] == 56


def test_simclr_alone_is_as_it_was(images: Path, tmp_path: Path) -> None:
    fastssl.train(stage="simclr", data=str(images), batch_size=8, steps=2, out=tmp_path / "simclr", device="cpu")
    settings = settings_of(tmp_path)
    assert (settings["size"], settings["temperature"], settings["strength"]) == (28, 0.5, 0.25)


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
