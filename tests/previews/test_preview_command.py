"""`fastssl preview` at the command line: one PNG, or one clear line and nothing left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from fastssl.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_it_writes_a_png_and_says_where(here: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(grey_npz), "--views", "jigsaw", "stripe_mask", "--images", "3", "--epoch", "1"]
    assert main(["preview", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "preview.png: views of grey"
    assert [path.name for path in here.iterdir()] == ["preview.png"]
    with Image.open("preview.png") as image:
        assert image.format == "PNG"
    before = Path("preview.png").read_bytes()
    assert main(["preview", *arguments, "--out", "again.png"]) == 0
    assert Path("again.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "nowhere"], "no data at 'nowhere'"),
        (["--stage", "mocco"], "stage='mocco': no such stage, did you mean 'moco'?"),
        (["--views", "jigsa"], "views='jigsa': input should be 'plain', 'random_crop'"),
        (["--stage", "moco", "--views", "jigsaw"], "stage and views both given: give one"),
        (["--stage", "moco", "--mask-ratio", "0.4"], "mask_ratio is a setting of --stage tower, not of --stage moco"),
        (["--views", "colorization"], "view colorization: colorization needs RGB images (channels=3), got 1"),
        (["--views", "jigsaw", "--size", "29"], "view jigsaw: size 29 does not divide into 2 tiles: use 28"),
        (["--images", "0"], "images='0': input should be greater than or equal to 1"),
        (["--images", "17"], "images='17': input should be less than or equal to 16"),
        (["--epoch", "-1"], "epoch='-1': input should be greater than or equal to 0"),
        (["--imges", "3"], "unknown setting 'imges', did you mean 'images'?"),
        (["--out", "picture.jpg"], "out='picture.jpg': give the name of a .png file"),
        (["--out", "nowhere/picture.png"], "out='nowhere/picture.png': there is no folder nowhere"),
        (["--out", "."], "out='.': give the name of a .png file"),
        (["--checkpoint"], "checkpoint: give the RUN whose checkpoint is to be shown"),
        (["nowhere"], "nowhere: no run here"),
        (["nowhere", "--stage", "moco", "--size", "28"], "stage: nowhere has its own; leave it out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["preview", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"fastssl: error: {expected}")
    assert complaint.count("\n") == 1
    assert list(here.iterdir()) == []


def test_a_png_that_cannot_be_written_is_one_clear_line(
    here: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["preview", "--data", str(grey_npz), "--views", "jigsaw"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_views_are_listed_with_commas_or_spaces(here: Path, grey_npz: Path) -> None:
    for file, views in (("one.png", ["jigsaw,stripe_mask"]), ("two.png", ["jigsaw", "stripe_mask"])):
        assert main(["preview", "--data", str(grey_npz), "--images", "2", "--out", file, "--views", *views]) == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
