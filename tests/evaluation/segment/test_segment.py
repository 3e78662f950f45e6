"""`fastssl segment` from end to end: it learns, reports, keeps to the field of view, and never looks at the test."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.evaluation.segment import trial as trial_module
from fastssl.evaluation.segment.prediction import Predictor
from fastssl.evaluation.segment.report import SegmentResult

TINY: dict[str, Any] = {"encoder": "test_resnet", "device": "cpu", "amp": False, "batch_size": 4, "lr": 3e-3}


def segmented(runs: Any, folders: tuple[Path, Path], out: Path, **settings: Any) -> SegmentResult:
    settings = {**TINY, "data": [str(folder) for folder in folders], "out": out, "steps": 2, **settings}
    return fastssl.segment(runs, **{"console": Console(quiet=True), **settings})


def test_it_learns_bars_from_six_images_in_patches(folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = segmented("random", folders, tmp_path / "out", steps=60, patch=16)
    trained, nothing = result.row("random", "random", "random"), result.row("all foreground", "", "")
    assert nothing.mean("dice") == pytest.approx(0.4)
    assert nothing.mean("auc") == 0.5
    assert trained.mean("dice") > 0.8
    assert trained.mean("auc") > 0.95
    assert trained.trials[0].val_dice > 0.8


def test_it_finds_the_demo_sets_vessels_far_better_than_calling_everything_a_vessel(tmp_path: Path) -> None:
    settings = {**TINY, "batch_size": 8, "lr": 1e-2, "steps": 120, "size": 28, "objective": "bce+dice"}
    result = fastssl.segment("random", console=Console(quiet=True), data="demo", out=tmp_path, **settings)
    trained, nothing = result.row("random", "random", "random"), result.row("all foreground", "", "")
    assert nothing.mean("dice") < 0.25
    assert trained.mean("dice") > nothing.mean("dice") + 0.25
    assert trained.mean("auc") > 0.8


def test_mixes_runs_and_trials_are_reported_with_overlays(
    folders: tuple[Path, Path], tower_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["segment", str(tower_run), "random", "--data", *map(str, folders), "--steps", "2", "--batch-size", "2"]
    command += ["--decoder-init", "run", "random", "--trials", "2", "--device", "cpu", "--no-amp", "--seed", "5"]
    assert main(command) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "Dice" in said
    report = tower_run / "report"
    content = json.loads((report / "segment.json").read_text())
    starts = [(row["run"], row["encoder_init"], row["decoder_init"]) for row in content["rows"]]
    assert starts[1:] == [("tower", "run", "run"), ("tower", "run", "random"), ("random", "random", "random")]
    assert starts[0][0] == "all foreground"
    for row in content["rows"][1:]:
        assert [trial["seed"] for trial in row["trials"]] == [5, 6]
        each = [np.mean([image["dice"] for image in trial["test"]]) for trial in row["trials"]]
        assert row["mean"]["dice"] == pytest.approx(np.mean(each))
        assert row["std_over_trials"]["dice"] == pytest.approx(np.std(each, ddof=1))
    with (report / "segment.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 + 3 * 2 * 3
    assert {line["image"] for line in lines} == {"case_7", "case_8", "case_9"} == set(content["images"]["test"])
    shown = sorted(str(path.relative_to(report / "overlays")) for path in (report / "overlays").rglob("*.png"))
    labels = ("random", "tower-run-random", "tower-run-run")
    assert shown == [f"{label}/case_{number}.png" for label in labels for number in (7, 8, 9)]


def test_another_call_replaces_the_report_and_its_overlays(folders: tuple[Path, Path], tmp_path: Path) -> None:
    report = tmp_path / "report"
    for settings, names in (({}, ["case_7", "case_8", "case_9"]), ({"test_images": "case_9"}, ["case_9"])):
        segmented("random", folders, tmp_path, **settings)
        assert json.loads((report / "segment.json").read_text())["images"]["test"] == names
        assert sorted(path.stem for path in (report / "overlays").rglob("*.png")) == names


def test_equal_seeds_give_equal_results(folders: tuple[Path, Path], tmp_path: Path) -> None:
    one, two, other = (segmented("random", folders, tmp_path / f"{n}", seed=seed) for n, seed in enumerate((1, 1, 2)))
    assert one.rows[1].trials[0].test == two.rows[1].trials[0].test
    assert one.rows[1].trials[0].test != other.rows[1].trials[0].test


def test_the_test_images_have_no_say(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """With other test images, the trained network and all that was chosen stay the same."""
    honest = segmented("random", folders, tmp_path / "a", steps=8, patch=16)
    rng = np.random.default_rng(0)
    for number in (7, 8):
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(folders[0] / f"case_{number}.png")
    spoilt = segmented("random", folders, tmp_path / "b", steps=8, patch=16)
    one, two = honest.rows[1].trials[0], spoilt.rows[1].trials[0]
    assert (one.best_step, one.val_dice) == (two.best_step, two.val_dice)
    assert one.test[2] == two.test[2]
    assert one.test[0] != two.test[0]


def test_the_best_epochs_weights_are_kept_and_patience_ends_the_training(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation Dice is dictated: best after the second epoch, then never again."""
    dictated = iter([0.2, 0.6, 0.5, 0.6, 0.1])
    weights: list[torch.Tensor] = []

    def watched(predictor: Predictor, samples: Any) -> Any:
        if len(samples) == 1:
            weights.append(next(predictor.stage.parameters()).detach().clone())
        else:
            tested.append(next(predictor.stage.parameters()).detach().clone())
        return original(predictor, samples)

    tested: list[torch.Tensor] = []
    original = Predictor.score
    monkeypatch.setattr(Predictor, "score", watched)
    monkeypatch.setattr(trial_module, "mean_score", lambda _, metric: next(dictated) if metric == "dice" else 0.5)
    result = segmented("random", folders, tmp_path / "out", steps=None, epochs=50, patience=3)
    trial = result.rows[1].trials[0]
    assert (trial.best_step, trial.steps, trial.val_dice) == (2, 5, 0.6)
    assert len(tested) == 1
    assert torch.equal(tested[0], weights[1])
    assert not torch.equal(tested[0], weights[4])


def test_while_nothing_is_found_the_area_under_the_curve_says_whether_it_gets_better(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cross-entropy on rare foreground: the Dice at 0.5 is zero for many epochs in which the network does learn."""
    dictated = iter([0.5, 0.6, 0.7, 0.65, 0.7, float("nan"), 0.9])
    monkeypatch.setattr(trial_module, "mean_score", lambda _, metric: 0.0 if metric == "dice" else next(dictated))
    result = segmented("random", folders, tmp_path, steps=None, epochs=50, patience=3, console=Console())
    trial = result.rows[1].trials[0]
    assert (trial.best_step, trial.steps, trial.val_dice) == (3, 6, 0.0)
    assert "nothing is found yet: train longer, or give --objective bce+dice" in capsys.readouterr().out


def test_what_lies_outside_the_field_of_view_is_neither_learned_nor_scored(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    views = tmp_path / "fov"
    views.mkdir()
    inside = np.zeros((32, 32), bool)
    inside[:, 4:28] = True
    for number in range(10):
        Image.fromarray(inside).save(views / f"case_{number}_fov.png")
    before = segmented("random", folders, tmp_path / "a", fov=views)
    for path in folders[1].iterdir():
        mask = np.array(Image.open(path))
        Image.fromarray(mask ^ ~inside).save(path)
    after = segmented("random", folders, tmp_path / "b", fov=views)
    assert after.rows[1].trials[0].test == before.rows[1].trials[0].test
    without = segmented("random", folders, tmp_path / "c")
    assert without.rows[1].trials[0].test != before.rows[1].trials[0].test


@pytest.mark.parametrize("predict", ["windows", "whole"])
def test_images_of_any_size_are_scored_at_their_own_size(
    folders: tuple[Path, Path], tmp_path: Path, predict: str
) -> None:
    for number in (0, 7):
        for path in (folders[0] / f"case_{number}.png", folders[1] / f"case_{number}_manual.png"):
            Image.open(path).resize((45, 61)).save(path)
    result = segmented("random", folders, tmp_path / "out", size=30, patch=16, predict=predict)
    assert result.rows[1].trials[0].test[0].image == "case_7"
    assert Image.open(tmp_path / "out/report/overlays/random/case_7.png").height == 41 * 6


@pytest.mark.slow
def test_real_vessels_are_found_within_a_few_steps(shared_data: Path, tmp_path: Path) -> None:
    chase = str(shared_data / "chasedb1")
    result = fastssl.segment(
        "random",
        console=Console(quiet=True),
        data=(chase, chase),
        mask_suffix="_1stHO",
        size=240,
        patch=64,
        batch_size=8,
        steps=80,
        encoder="test_resnet",
        lr=3e-3,
        objective="bce+dice",
        out=tmp_path,
    )
    assert result.images["test"][0] == "Image_11L"
    assert result.row("random", "random", "random").mean("dice") > 0.4
    assert result.row("all foreground", "", "").mean("dice") < 0.15
