"""`fastssl segment` from end to end: it learns, reports, keeps to the field of view, and never looks at the test."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.evaluation.segment.report import SegmentResult

TINY: dict[str, Any] = {"encoder": "test_resnet", "device": "cpu", "amp": False, "batch_size": 4, "lr": 3e-3}


def segmented(runs: Any, folders: tuple[Path, Path], out: Path, **settings: Any) -> SegmentResult:
    settings = {**TINY, "images": folders[0], "masks": folders[1], "out": out, "steps": 2, **settings}
    return fastssl.segment(runs, **{"console": Console(quiet=True), **settings})


def test_it_learns_bars_from_six_images_in_patches(folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = segmented("random", folders, tmp_path / "out", steps=60, patch=16)
    trained, nothing = result.row("random", "random", "random"), result.row("all foreground", "", "")
    assert nothing.mean("dice") == pytest.approx(0.4)
    assert nothing.mean("auc") == 0.5
    assert trained.mean("dice") > 0.8
    assert trained.mean("auc") > 0.95
    assert trained.trials[0].val_dice > 0.8


@pytest.mark.slow
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
    command = ["segment", str(tower_run), "random", "--images", str(folders[0]), "--masks", str(folders[1])]
    command += ["--steps", "2", "--batch-size", "2"]
    command += ["--decoder-init", "run", "random", "--trials", "2", "--device", "cpu", "--no-amp", "--seed", "5"]
    assert main(command) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "Dice" in said
    report = tower_run / "report"
    content = json.loads((report / "segment.json").read_text())
    names = [(row["run"], row["encoder_init"], row["decoder_init"]) for row in content["rows"]]
    assert names[1:] == [("tower", "run", "run"), ("tower", "run", "random"), ("random", "random", "random")]
    assert names[0][0] == "all foreground"
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
        images=chase,
        masks=chase,
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
