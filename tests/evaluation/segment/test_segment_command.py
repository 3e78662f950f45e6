"""`fastssl segment` as it is called: what a patch becomes, what is refused, what a signal does."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fastssl
from fastssl.cli import main
from fastssl.config import SegmentConfig, build
from fastssl.errors import ConfigError
from fastssl.evaluation.segment.data import Sample, SegmentationData
from fastssl.evaluation.segment.recipe import choose_recipe

HERE = ["random", "--images", "images", "--masks", "masks"]


class Interrupting(io.StringIO):
    """An output that sends this process a signal with the first line that tells of a step."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        if "  step " in text and "  step " not in self.getvalue():
            super().write(text)
            signal.raise_signal(self.number)
        return super().write(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_first_trial_ends_it_and_leaves_nothing(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    out, said = tmp_path / "out", Interrupting(number)
    monkeypatch.setattr("sys.stdout", said)
    command = ["segment", "random", "--images", str(folders[0]), "--masks", str(folders[1]), "--steps", "90000"]
    command += ["--encoder", "test_resnet", "--batch-size", "2", "--device", "cpu", "--out", str(out)]
    assert main(command) == 130
    assert "stopped: finished trials are kept; the same command goes on from there" in said.getvalue().splitlines()
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
    splits = {key: [sample(side, side)] for key in ("train", "val", "test")}
    data = SegmentationData(name="squares", splits=splits, channels=1)
    recipe = choose_recipe(build(SegmentConfig, settings), data)
    assert (recipe.patch, recipe.window) == (patch, window)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere: no such run folder"),
        ([], "give at least one run folder, or the word random"),
        (["random", "--images", "images"], "masks missing: images and masks are given together"),
        (["random", "--masks", "masks"], "images missing: images and masks are given together"),
        ([*HERE, "--data", "demo"], "data and images both given: give one"),
        (["random", "--data", "demos"], "data='demos': input should be 'demo' or 'demo-colour'"),
        (["random", "--images", "here", "--masks", "there"], "here: no such folder of images"),
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
        build(SegmentConfig, {"images": "a", "masks": "b", "split": "s.csv", "patient": "x"})


def test_a_config_and_settings_together_are_a_mistake() -> None:
    with pytest.raises(TypeError, match="give a SegmentConfig or settings, not both"):
        fastssl.segment("random", SegmentConfig(), steps=3)
