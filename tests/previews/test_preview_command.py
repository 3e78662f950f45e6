"""`fastssl preview` at the command line: one PNG, or one clear line and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fastssl.cli import main
from fastssl.config import PreviewConfig


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
        (["--stage", "mocco"], "stage='mocco': give one of all, moco"),
        (["--views", "jigsa"], "views='jigsa': input should be 'plain', 'random_crop'"),
        (["--stage", "moco", "--views", "jigsaw"], "stage and views both given: give one"),
        (["--stage", "moco", "--mask-ratio", "0.4"], "mask_ratio is a setting of --stage tower, not of moco"),
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
    def full(path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("fastssl.training.checkpoint._write", full)
    assert main(["preview", "--data", str(grey_npz), "--views", "jigsaw"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_help_fits_a_screen_and_names_every_field(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["preview", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    text = " ".join(" ".join(lines).replace("│", " ").split())
    for name, field in PreviewConfig.model_fields.items():
        assert f"--{name.replace('_', '-')} " in text
        assert field.description in text
