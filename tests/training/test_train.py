"""`fastssl.train`: what it writes, tells and returns, and what it refuses before it has written anything."""

from __future__ import annotations

import io
import itertools
import json
import math
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console

import fastssl
from fastssl.errors import ConfigError, DataError
from fastssl.stages.moco.settings import MoCoConfig
from fastssl.stages.registry import train_config
from fastssl.training.schedule import CosineSchedule
from fastssl.training.train import train_stage

SETTINGS = {"encoder": "test_resnet", "batch_size": 16, "device": "cpu", "amp": False}


def train(out: Path, data: Path, **settings: Any) -> tuple[fastssl.TrainResult, str]:
    """A run of MoCo, and all that it printed."""
    return train_of(out, data, **{"queue_size": 40, "bn_splits": 2} | settings)


def train_of(
    out: Path, data: Path, *, clock: Callable[[], float] = time.monotonic, **settings: Any
) -> tuple[fastssl.TrainResult, str]:
    """A run of any stage, and all that it printed."""
    console = Console(file=io.StringIO(), width=40)
    given = settings if settings.get("resume") else SETTINGS | settings
    result = train_stage(train_config({**given, "data": str(data), "out": out}), console, clock=clock)
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def ticking() -> Callable[[], float]:
    """A clock that moves by a quarter of a second whenever it is read."""
    ticks = itertools.count()
    return lambda: next(ticks) / 4


def test_a_run_is_a_folder_with_a_result(tmp_path: Path, grey_npz: Path) -> None:
    result, _ = train(tmp_path / "run", grey_npz, steps=5, lr=0.02)
    assert (result.folder, result.encoder) == (tmp_path / "run", tmp_path / "run" / "encoder.safetensors")
    assert (result.step, result.total_steps, result.finished) == (5, 5, True)
    assert result.images_per_second == pytest.approx(4 * 16 / result.seconds)
    assert 0 <= result.data_wait < 1
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5]
    schedule = CosineSchedule(peak=0.02, total_steps=5)
    assert [record["lr"] for record in records] == [schedule.lr(step) for step in range(5)]
    assert records[-1]["loss"] == result.loss
    assert [{"top1", "top5"} <= record.keys() for record in records] == [True, False, False, False, False]


def test_every_setting_is_written_down_resolved(tmp_path: Path, grey_npz: Path) -> None:
    train(tmp_path / "run", grey_npz, epochs=2)
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    transient = {"resume", "overwrite", "stop_after", "recipe"}
    assert written.keys() == MoCoConfig.model_fields.keys() - transient
    left_open = {"data_root", "init", "minutes", "checkpoint_every"}
    left_open |= {"labels", "path_column", "split_column", "group", "axis"}
    assert {name for name, value in written.items() if value in (None, "auto")} == left_open
    expected = {"epochs": 2, "steps": 6, "device": "cpu", "amp": False, "compile": False, "pipeline": "torch"}
    expected |= {"size": 20, "stem": "standard", "momentum": 0.99}
    assert {name: written[name] for name in expected} == expected


def test_it_tells_what_it_chose_and_why_one_line_each(tmp_path: Path, grey_npz: Path) -> None:
    _, text = train(tmp_path / "run", grey_npz, epochs=1)
    lines = text.splitlines()
    assert lines[:4] == [
        f"data        grey, {grey_npz}",
        "images      train 52",
        "shape       20x20, 1 channel, 8 bit",
        "values      0 to 255",
    ]
    assert f"moco on grey: test_resnet, into {tmp_path / 'run'}" in lines
    told = {line.split()[0] for line in lines if line.startswith("  ")}
    assert {"device", "threads", "precision", "compile", "pipeline", "length", "size", "stem", "lr"} <= told
    assert f"ln(K+1) = {math.log(41):.2f}" in text
    assert "3 steps" in next(line for line in lines if line.startswith("  length"))
    assert lines[-2].startswith("done: 3 steps, ")
    assert lines[-1].startswith(f"next: fastssl probe {tmp_path / 'run'} --data LABELLED")


def test_stopping_early_says_how_to_go_on(tmp_path: Path, grey_npz: Path) -> None:
    result, text = train(tmp_path / "run", grey_npz, steps=9, stop_after=2)
    assert (result.step, result.finished) == (2, False)
    last = text.splitlines()[-1]
    assert last.startswith("stopped and saved at step 2 of 9 (")
    assert last.endswith("; go on with --resume")
    result, text = train(tmp_path / "run", grey_npz, resume=True, stop_after=100)
    assert "resumed at step 2\n" in text
    assert (result.step, result.finished) == (9, True)


def test_a_budget_becomes_steps_at_the_measured_pace(tmp_path: Path, grey_npz: Path) -> None:
    # The clock moves by a quarter second whenever it is read: for every step when its batch is there and at its end,
    # of five steps that are timed, after two that are not. So a step takes 0.5 s, preparation 0.25 s, and 4.25 s are
    # gone.
    steps = int((0.19 * 60 * 0.95 - 4.25 - 0.25) / 0.5)
    result, text = train(tmp_path / "run", grey_npz, minutes=0.19, clock=ticking())
    assert (result.step, result.total_steps) == (steps, 12)
    (told,) = (line for line in text.splitlines() if line.startswith("  length"))
    assert "12 steps" in told
    assert "what 0.19 minutes hold at 32 images/s, measured over 5 steps (an estimate: the finish may differ)" in told
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (written["steps"], written["minutes"], written["epochs"]) == (12, 0.19, 4)
    assert "# length: 12 steps (what 0.19 minutes hold" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.parametrize("settings", [{}, {"stage": "pretext"}, {"stage": "vae"}], ids=str)
def test_a_run_with_a_budget_is_the_run_of_as_many_steps_bit_for_bit(
    tmp_path: Path, grey_npz: Path, settings: dict[str, Any]
) -> None:
    budget, _ = train_of(tmp_path / "budget", grey_npz, minutes=0.2, clock=ticking(), **settings)
    train_of(tmp_path / "steps", grey_npz, steps=budget.total_steps, **settings)
    assert budget.step > 10
    for name in ("encoder.safetensors", "metrics.jsonl"):
        assert (tmp_path / "budget" / name).read_bytes() == (tmp_path / "steps" / name).read_bytes()


def test_a_budget_that_holds_next_to_no_steps_is_refused_and_nothing_is_written(tmp_path: Path, grey_npz: Path) -> None:
    with pytest.raises(ConfigError, match=r"^minutes=0.05: too short for 10 steps .* give at least --minutes 0.3$"):
        train(tmp_path / "run", grey_npz, minutes=0.05, clock=ticking())
    assert not (tmp_path / "run").exists()
    assert train(tmp_path / "run", grey_npz, minutes=0.2, clock=ticking())[0].finished


@pytest.mark.parametrize("others", [{"steps": 5}, {"epochs": 5}])
def test_only_one_length_may_be_given(tmp_path: Path, grey_npz: Path, others: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(others))} and minutes both given: give one$"):
        train(tmp_path / "run", grey_npz, minutes=1, **others)


def test_the_demo_set_gets_a_budget_where_no_length_is_given(tmp_path: Path) -> None:
    settings = {"batch_size": 16, "stop_after": 1}
    _, text = train(tmp_path / "run", Path("demo"), clock=ticking(), **settings)
    (told,) = (line for line in text.splitlines() if line.startswith("  length"))
    assert "demo data: --minutes 4 unless a length is given; what 4 minutes hold at " in told
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["minutes"] == 4
    _, text = train(tmp_path / "other", Path("demo"), epochs=2, **settings)
    assert "250 steps   2 epochs of 125 steps" in text


@pytest.mark.parametrize(
    ("stage", "command"),
    [("moco", "probe"), ("pretext", "probe"), ("tower", "finetune"), ("vae", "finetune {} --frozen")],
)
def test_the_last_line_of_a_finished_run_is_the_command_to_type_next(tmp_path: Path, stage: str, command: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", train_images=images, train_labels=np.arange(20) % 2)
    out = tmp_path / "a run"
    _, text = train_of(out, tmp_path / "data.npz", stage=stage, steps=2, batch_size=4, stop_after=1)
    assert "next: " not in text
    _, text = train_of(out, tmp_path / "data.npz", resume=True)
    last = text.splitlines()[-1]
    command = command if "{}" in command else command + " {}"
    assert last.startswith(f"next: fastssl {command.format(shlex.quote(str(out)))}")
    assert ("fastssl preview" in last) == (stage != "moco")


def test_a_pretext_run_ends_with_what_its_heads_have_learnt(tmp_path: Path, grey_npz: Path) -> None:
    _, text = train_of(tmp_path / "run", grey_npz, stage="pretext", steps=3)
    done, title, jigsaw, inpaint, _ = text.splitlines()[-5:]
    assert done.startswith("done: 3 steps")
    assert title == "what the heads have learnt, on 52 training images (there are no others):"
    assert jigsaw.split()[0] == "jigsaw"
    assert "a guess: 4.2%" in jigsaw
    assert "of that of the mean colour (R2 " in inpaint
    report = json.loads((tmp_path / "run" / "report" / "pretext.json").read_text())
    assert report["tasks"].keys() == {"jigsaw", "inpaint"}


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
    settings = SETTINGS | {"queue_size": 40, "bn_splits": 2, "steps": 2, "data": str(grey_npz)}
    config = MoCoConfig(**settings, out=tmp_path / "config")
    result = fastssl.train(config, console=Console(file=io.StringIO()))
    other, _ = train(tmp_path / "keywords", grey_npz, steps=2)
    assert result.encoder.read_bytes() == other.encoder.read_bytes()
    with pytest.raises(TypeError, match=r"give a configuration or settings, not both \(got lr as well\)"):
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


def test_a_run_of_any_stage_is_resumed_by_its_folder_alone(tmp_path: Path, grey_npz: Path) -> None:
    train_of(tmp_path / "run", grey_npz, stage="vae", encoder="test_convnext", steps=3, stop_after=1)
    result = fastssl.train(out=tmp_path / "run", resume=True, console=Console(file=io.StringIO()))
    assert (result.step, result.steps_run) == (3, 2)
