"""`fastssl segment` as it is called: what a patch becomes, what is refused, what a signal does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fastssl
from fastssl.cli import main
from fastssl.config import SegmentConfig, build
from fastssl.errors import ConfigError
from fastssl.evaluation.segment.data import SegmentationData
from fastssl.evaluation.segment.files import Sample
from fastssl.evaluation.segment.recipe import choose_recipe
from fastssl.training.progress import TrainingProgress

HERE = ["random", "--data", "images", "masks"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_without_a_report(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    steps = []

    def interrupt(progress: TrainingProgress, step: int, *_: object) -> None:
        steps.append(step)
        if step == 3:
            signal.raise_signal(number)

    monkeypatch.setattr(TrainingProgress, "update", interrupt)
    out = tmp_path / "out"
    command = ["segment", "random", "--data", *map(str, folders), "--encoder", "test_resnet", "--steps", "9"]
    assert main([*command, "--batch-size", "2", "--device", "cpu", "--out", str(out)]) == 130
    assert steps == [1, 2, 3]
    assert not out.exists()


@pytest.mark.parametrize(
    ("side", "settings", "patch", "window"),
    [
        (70, {}, (64, 64), (64, 64)),
        (63, {}, (64, 64), None),
        (70, {"patch": 32}, (32, 32), (32, 32)),
        (70, {"patch": "whole"}, (96, 96), None),
        (70, {"patch": 0}, (96, 96), None),
        (70, {"patch": 32, "predict": "whole"}, (32, 32), None),
    ],
)
def test_the_patch_is_64_where_images_hold_it_and_else_the_whole_image(
    sample: Callable[..., Sample],
    side: int,
    settings: dict[str, Any],
    patch: tuple[int, int],
    window: tuple[int, int] | None,
) -> None:
    data = SegmentationData("squares", {key: [sample(side, side)] for key in ("train", "val", "test")}, 1)
    recipe = choose_recipe(build(SegmentConfig, settings), data)
    assert (recipe.patch, recipe.window) == (patch, window)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere: no such run folder"),
        ([], "give at least one run folder, or the word random"),
        (["random", "--data", "a", "b", "c"], "data=a b c: give a folder of images and one of masks"),
        (["random", "--data", "demos"], "data=demos: give a folder of images and one of masks"),
        (["random", "--data", "here", "there"], "here: no such folder of images"),
        (["random", "--fov", "x"], "fov is for folders; the demo set has its own"),
        (["random", "--patch", "8"], "patch=8: at least 16 pixels, or whole"),
        (["random", "--patch", "big"], "patch='big': input should be a valid integer"),
        ([*HERE, "--patch", "40"], "patch=40: the smallest image has a side of 32 px"),
        (["random", "--patch", "whole", "--predict", "windows"], "windows have the patch's side"),
        (["random", "--patch", "whole", "--overlap", "0.2"], "overlap is of windows; whole images have none"),
        (["random", "--epochs", "2", "--steps", "3"], "epochs and steps both given"),
        ([*HERE, "--encoder", "test_vit"], "no feature pyramid for a U-Net"),
        (["random", "--mask-sufix", "x"], "unknown setting 'mask_sufix', did you mean 'mask_suffix'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    here = folders[0].parent
    monkeypatch.chdir(here)
    assert main(["segment", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("fastssl: error: ")
    assert complaint.count("\n") == 1
    assert expected in complaint
    assert sorted(path.name for path in here.iterdir()) == ["images", "masks"]


def test_a_split_file_excludes_other_requests() -> None:
    with pytest.raises(ConfigError, match="split and patient both given: give one"):
        build(SegmentConfig, {"data": ("a", "b"), "split": "s.csv", "patient": "x"})


def test_a_config_and_settings_together_are_a_mistake() -> None:
    with pytest.raises(TypeError, match="give a SegmentConfig or settings, not both"):
        fastssl.segment("random", SegmentConfig(), steps=3)
