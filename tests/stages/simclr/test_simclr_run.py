"""SimCLR as a run: exact resuming, seed, learning, command line, preview; a stage is one folder and one line."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.cli import main

ROOT = Path(__file__).parents[3]
QUICK = {"stage": "simclr", "encoder": "test_resnet", "batch_size": 16, "seed": 3, "device": "cpu", "amp": False}
OWN = ("temperature", "strength", "min-crop", "optimizer", "warm-up")


def train(out: Path, data: Path | str, **settings: Any) -> fastssl.TrainResult:
    settings = QUICK | {"steps": 8} | settings
    return fastssl.train(**settings, data=str(data), out=out, console=Console(file=io.StringIO()))


def outcome(run: Path) -> dict[str, bytes]:
    """Every file that a run's end consists of."""
    newest = max((run / "checkpoints").glob("step-*"))
    files = [*newest.iterdir(), run / "encoder.safetensors", run / "metrics.jsonl"]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("settings", "stops"),
    [
        ({}, [4]),
        ({"amp": True}, [4]),
        ({"warm_up": 0.5}, [3, 2]),
        ({"encoder": "test_efficientnet"}, [3]),
        ({"optimizer": "adamw", "amp": True}, [4]),
    ],
    ids=["fp32", "bf16", "twice", "other-encoder", "adamw"],
)
def test_a_resumed_run_ends_in_the_same_bytes(
    tmp_path: Path, grey_npz: Path, settings: dict[str, Any], stops: list[int]
) -> None:
    train(tmp_path / "whole", grey_npz, **settings)
    for index, steps in enumerate(stops):
        train(tmp_path / "cut", grey_npz, **settings, stop_after=steps, resume=index > 0)
    assert train(tmp_path / "cut", grey_npz, **settings, resume=True).finished
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_the_seed_decides_everything(tmp_path: Path, grey_npz: Path) -> None:
    for name, seed in (("first", 3), ("second", 3), ("other", 4)):
        train(tmp_path / name, grey_npz, steps=2, seed=seed)
    assert outcome(tmp_path / "first") == outcome(tmp_path / "second")
    assert outcome(tmp_path / "first") != outcome(tmp_path / "other")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"optimizer": "adamw", "lr": 3e-3}, id="adamw", marks=pytest.mark.slow),
        pytest.param({"optimizer": "lars"}, id="lars"),
    ],
)
def test_it_learns_to_find_the_other_crop_on_the_demo_set(tmp_path: Path, settings: dict[str, Any]) -> None:
    train(tmp_path / "run", "demo", steps=61, batch_size=64, temperature=0.1, **settings)
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [record["loss"] for record in records]
    top1 = [record["top1"] for record in records if "top1" in record]  # of every tenth step, from the first
    assert len(top1) == 7
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:3])
    assert np.mean(top1[-3:]) > 2 * top1[0]


def test_help_shows_its_settings_and_not_those_that_are_others_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--stage", "simclr", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"--{name} " in said for name in OWN)
    assert "--queue-size " not in said


def test_at_the_command_line_a_bad_choice_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--stage", "simclr", "--temperature", "-1", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "temperature='-1': input should be greater than 0" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_preview_shows_its_two_crops(tmp_path: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As MoCo's, which takes the same crops of images without colour."""
    sheets = []
    for stage in ("simclr", "moco"):
        out = tmp_path / f"{stage}.png"
        assert main(["preview", "--stage", stage, "--data", str(grey_npz), "--images", "2", "--out", str(out)]) == 0
        with Image.open(out) as image:
            sheets.append(np.asarray(image))
    assert sheets[0].shape == sheets[1].shape
    assert f"{tmp_path / 'simclr.png'}: " in capsys.readouterr().out


def test_a_stage_is_one_folder_and_one_line() -> None:
    """Of all code that is installed, docstrings and comments left out."""
    sources = [path for folder in ("fastssl", "kernels", "pipelines") for path in (ROOT / folder).rglob("*.py")]
    naming = {
        path.relative_to(ROOT).as_posix(): count
        for path in sources
        if path.parent != ROOT / "fastssl" / "stages" / "simclr"
        and (count := sum("simclr" in line.lower() for line in code(path).splitlines()))
    }
    assert naming == {"fastssl/stages/registry.py": 2}  # its own line, and that of recipe fast


def code(path: Path) -> str:
    """The statements of a file, a line each, without docstrings and comments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
