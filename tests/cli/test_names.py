"""Every command with names that markup, formulas, terminals, spreadsheets and encodings would trip over."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.cli import main

CLASSES = ["[red]x[ red]", "$x_1^{", "肺炎", os.fsdecode(b"caf\xe9"), "=1+1", "a\x1b[31m\nb"]
RUN = "[bold]r_1$x$肺 :heart:"
DATA = "[b]Röntgen\n"
ON_CPU = ["--device", "cpu"]


def write_image(path: Path, level: int, rng: np.random.Generator, side: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(level, level + 100, (side, side)).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    path.write_bytes(content.getvalue())


@pytest.fixture
def data(here: Path) -> str:
    """A folder of six classes in three splits."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for place, name in enumerate(CLASSES):
            for number in range(count):
                write_image(here / DATA / split / name / f"[b]{number}\udce9\n.png", 25 * place, rng)
    return DATA


def said_by(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints; it must succeed, without warnings, and without commands to the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status = main(words)
    said = capsys.readouterr()
    assert (status, said.err) == (0, ""), said.err
    assert "\x1b" not in said.out
    assert not any("\ud800" <= letter <= "\udfff" for letter in said.out)
    return said.out


def test_no_name_trips_any_command(here: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--encoder", "test_resnet", "--batch-size", "8", "--steps", "1", "--queue-size", "16"]
    said = said_by(capsys, "train", "--data", data, *small, "--out", RUN, *ON_CPU)
    assert f"into {RUN}" in said
    assert rf"{data[:-1]}\n" in said
    assert rf"encoder in {RUN}/encoder.safetensors" in said
    said_by(capsys, "probe", RUN, *ON_CPU)
    few = said_by(capsys, "fewshot", RUN, *ON_CPU, "--shots", "1", "--seeds", "2", "--imagenet", "none")
    fine = said_by(capsys, "finetune", RUN, *ON_CPU, "--epochs", "1", "--trials", "1")
    for text in (few, fine):
        assert "".join(RUN.split()) in "".join(text.split())
    drawn = said_by(capsys, "preview", RUN, *ON_CPU)
    assert "drawn as numbers: 5 is '肺炎'" in drawn
    assert "views of " + RUN in drawn
    report = here / RUN / "report"
    for name in ("fewshot.png", "finetune.png", "preview.png"):
        assert Image.open(report / name).size[0] < 2000
    for name in ("fewshot.csv", "finetune.csv"):
        with (report / name).open(encoding="utf-8", newline="") as file:
            assert next(csv.DictReader(file))["encoder"] == RUN
    assert json.loads((report / "fewshot.json").read_text("utf-8"))["rows"][0]["encoder"] == RUN


def test_no_name_trips_segmentation(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for place in range(6):
        name = f"[b]{place}=$x$\n肺\udce9.png"
        write_image(here / "[images]" / name, 20 * place, rng, 32)
        mask = Image.fromarray(np.uint8(255) * (rng.random((32, 32)) > 0.5).astype(np.uint8))
        content = io.BytesIO()
        mask.save(content, "PNG")
        (here / "=masks").mkdir(exist_ok=True)
        (here / "=masks" / name).write_bytes(content.getvalue())
    where = ["--images", "[images]", "--masks", "=masks", "--out", RUN]
    small = ["--encoder", "test_resnet", "--steps", "1", "--batch-size", "2", "--patch", "16"]
    said = said_by(capsys, "segment", "random", *where, *small, *ON_CPU)
    assert r"[b]5=$x$\n肺\udce9" in said
    with (here / RUN / "report/segment.csv").open(encoding="utf-8", newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} <= {f"[b]{n}=$x$\n肺\\udce9" for n in range(6)}
    assert len(list((here / RUN / "report/overlays").rglob("*.png"))) > 0


def preview_of(data: str) -> list[str]:
    return ["preview", "--data", data, "--views", "plain", "--out", "肺.png", *ON_CPU]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_in_other_encodings_never_fails(
    data: str, encoding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))  # as PYTHONIOENCODING has it
    assert main(preview_of(data)) == 0
    assert capsys.readouterr().err == ""
    assert r"\u80ba.png: views of" in written.getvalue().decode(encoding)


def test_output_in_a_process_without_a_locale_never_fails(data: str) -> None:
    line = [sys.executable, "-m", "fastssl.cli", *preview_of(data)]
    done = subprocess.run(line, capture_output=True, check=False, env=os.environ | {"LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert "肺.png: views of" in done.stdout.decode("utf-8")
