"""`fastssl.train`: what it writes, tells and returns, and what it refuses before it has written anything."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console

import fastssl
from fastssl.config import settings_of
from fastssl.errors import ConfigError, DataError
from fastssl.schedule import CosineSchedule

SETTINGS = {"encoder": "test_resnet", "batch_size": 16, "queue_size": 40, "bn_splits": 2, "device": "cpu", "amp": False}


def train(out: Path, data: Path, **settings: Any) -> tuple[fastssl.TrainResult, str]:
    """A run, and all that it printed."""
    console = Console(file=io.StringIO(), width=40)
    result = fastssl.train(**SETTINGS | settings, data=str(data), out=out, console=console)
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_is_a_folder_with_a_result(tmp_path: Path, grey_npz: Path) -> None:
    result, _ = train(tmp_path / "run", grey_npz, steps=5, lr=0.02)
    assert (result.folder, result.encoder) == (tmp_path / "run", tmp_path / "run" / "encoder.safetensors")
    assert (result.step, result.total_steps, result.finished) == (5, 5, True)
    assert result.images_per_second == pytest.approx(4 * 16 / result.seconds)
    assert 0 <= result.data_wait < 1
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5]
    assert [record["lr"] for record in records] == [CosineSchedule(0.02, 5).lr(step) for step in range(5)]
    assert records[-1]["loss"] == result.loss
    assert all({"top1", "top5"} <= record.keys() for record in records)


def test_every_setting_is_written_down_resolved(tmp_path: Path, grey_npz: Path) -> None:
    train(tmp_path / "run", grey_npz, epochs=2)
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    transient = {"resume", "overwrite", "stop_after", "recipe"}
    assert written.keys() == settings_of("moco") - transient
    assert {name for name, value in written.items() if value in (None, "auto")} == {
        "data_root",
        "init",
        "checkpoint_every",
    }
    expected = {"epochs": 2, "steps": 6, "device": "cpu", "amp": False, "compile": False, "pipeline": "torch"}
    expected |= {"size": 20, "stem": "standard", "momentum": 0.99}
    assert {name: written[name] for name in expected} == expected


def test_it_tells_what_it_chose_and_why_one_line_each(tmp_path: Path, grey_npz: Path) -> None:
    _, text = train(tmp_path / "run", grey_npz, epochs=1)
    lines = text.splitlines()
    assert lines[0] == f"moco on grey: 52 images 20x20x1, test_resnet, into {tmp_path / 'run'}"
    told = {line.split()[0] for line in lines if line.startswith("  ")}
    assert {"device", "amp", "compile", "pipeline", "length", "size", "stem", "lr"} <= told
    assert f"ln(K+1) = {math.log(41):.2f}" in text
    assert "3 steps" in next(line for line in lines if line.startswith("  length"))
    assert lines[-1].startswith("done: 3 steps, ")


def test_stopping_early_says_how_to_go_on(tmp_path: Path, grey_npz: Path) -> None:
    result, text = train(tmp_path / "run", grey_npz, steps=9, stop_after=2)
    assert (result.step, result.finished) == (2, False)
    last = text.splitlines()[-1]
    assert last.startswith("stopped and saved at step 2 of 9 (")
    assert last.endswith("; go on with --resume")
    result, text = train(tmp_path / "run", grey_npz, resume=True, stop_after=100)
    assert "resumed at step 2\n" in text
    assert (result.step, result.finished) == (9, True)


def test_overwriting_begins_anew(tmp_path: Path, grey_npz: Path) -> None:
    train(tmp_path / "run", grey_npz, steps=3)
    train(tmp_path / "run", grey_npz, steps=2, overwrite=True)
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("\n") == 2
    steps = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert steps == ["step-00000000", "step-00000002"]


def test_a_refused_overwrite_keeps_the_run(tmp_path: Path, grey_npz: Path) -> None:
    train(tmp_path / "run", grey_npz, steps=1)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(ConfigError):
        train(tmp_path / "run", grey_npz, overwrite=True, bn_splits=3)
    with pytest.raises(DataError):
        train(tmp_path / "run", tmp_path / "nowhere.npz", overwrite=True)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_config_object_is_the_same_as_keywords(tmp_path: Path, grey_npz: Path) -> None:
    config = fastssl.TrainConfig(**SETTINGS, data=str(grey_npz), out=tmp_path / "config", steps=2)
    result = fastssl.train(config, console=Console(file=io.StringIO()))
    other, _ = train(tmp_path / "keywords", grey_npz, steps=2)
    assert result.encoder.read_bytes() == other.encoder.read_bytes()
    with pytest.raises(TypeError, match="give a TrainConfig or settings, not both \\(got lr beside it\\)"):
        fastssl.train(config, lr=1.0)


def test_keywords_are_checked_like_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'batchsize', did you mean 'batch_size'"):
        fastssl.train(batchsize=3)


@pytest.mark.parametrize(
    ("shape", "dtype", "settings"),
    [
        ((20, 20, 20, 3), np.uint8, {}),
        ((20, 20, 20), np.uint16, {}),
        ((20, 24, 20), np.uint8, {"size": 20}),
        ((20, 32, 32), np.uint8, {"encoder": "test_vit", "bn_splits": 1}),
        ((20, 20, 20), np.uint8, {"encoder": "test_efficientnet"}),
        ((20, 28, 28), np.uint8, {"encoder": "resnet18", "stem": "small", "batch_size": 4, "stop_after": 1}),
    ],
    ids=["colour", "16-bit", "oblong", "transformer", "BatchNormAct", "small-stem"],
)
def test_it_trains_on_every_kind_of_image_and_encoder(
    tmp_path: Path, shape: tuple[int, ...], dtype: type, settings: dict[str, Any]
) -> None:
    images = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    np.savez(tmp_path / "data.npz", train_images=images)
    result, _ = train(tmp_path / "run", tmp_path / "data.npz", steps=2, **settings)
    assert math.isfinite(result.loss)
    loaded = fastssl.load_encoder(result.folder)
    channels = shape[3] if len(shape) == 4 else 1
    features = loaded.module(torch.zeros(1, channels, loaded.spec.size, loaded.spec.size))
    assert features.ndim == 2
    assert loaded.spec.in_channels == channels
