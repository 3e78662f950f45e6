"""Old names of options: understood for one version, with one line of warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastssl.cli import main
from fastssl.cli.old_names import OLD_NAMES

WEIGHTS = "fastssl: warning: --weights is now --imagenet-weights; the old name works until version 0.3\n"
DATA = "fastssl: warning: --data is now --images and --masks; the old name works until version 0.3\n"

OLD: list[tuple[str, dict[str, Any], str]] = [
    ("fewshot run --imagenet m --weights w.pth", {"imagenet_weights": Path("w.pth")}, WEIGHTS),
    ("fewshot run --weights=w.pth --imagenet m --seeds 3", {"imagenet_weights": Path("w.pth"), "seeds": 3}, WEIGHTS),
    ("finetune run --imagenet m --weights w.pth", {"imagenet_weights": Path("w.pth"), "imagenet": "m"}, WEIGHTS),
    ("segment run --data scans masks", {"images": Path("scans"), "masks": Path("masks")}, DATA),
    ("segment run --data a b --steps 3", {"images": Path("a"), "masks": Path("b"), "steps": 3}, DATA),
]


def typed(line: str) -> Any:
    """The settings that a command line gives."""
    seen: list[Any] = []
    words = line.split()
    assert main(words, commands={words[0]: lambda *_, config, **__: seen.append(config)}) == 0
    return seen[0]


@pytest.mark.parametrize(("line", "expected", "warning"), OLD, ids=[line for line, _, _ in OLD])
def test_an_old_name_works_with_one_line_of_warning(
    line: str, expected: dict[str, Any], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = typed(line)
    assert {name: getattr(settings, name) for name in expected} == expected
    assert capsys.readouterr().err == warning


@pytest.mark.parametrize(
    "line",
    ["segment run --data demo-colour", "segment run --data demo", "fewshot run --imagenet m --imagenet-weights w"],
)
def test_a_name_that_is_in_use_is_not_taken_for_an_old_one(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed(line)
    assert capsys.readouterr().err == ""


def test_every_old_name_is_tested() -> None:
    tested = {(line.split()[0], entry.old) for line, _, _ in OLD for entry in OLD_NAMES if f" {entry.old}" in line}
    assert {(entry.command, entry.old) for entry in OLD_NAMES} <= tested


def test_mistakes_are_told_in_new_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "run", "--weights", "w.pth"]) == 2
    warning, error = capsys.readouterr().err.splitlines()
    assert warning == WEIGHTS.rstrip("\n")
    assert error.startswith("fastssl: error: imagenet_weights given without imagenet")


LINES_OF_0_1 = """\
fewshot RUN OTHER --shots 1 5 10 20 50 --seeds 10
finetune RUN --frozen
finetune RUN OTHER --label-fraction 1.0 0.1 0.01
preview RUN --checkpoint
preview --data isic557 --size 72 --images 4 --views two_crops colorization centre_patch jigsaw bezier tower
probe runs/moco-pneumoniamnist
probe runs/pneumonia-1 --seed 1
segment RUN --data IMAGES MASKS
train --data breastmnist.npz --epochs 50 --seed 1 --out runs/breast-1
train --recipe mtcp
train --stage moco --amp --data pneumoniamnist --epochs 40
train --stage moco --minutes 10
train --stage pretext --tasks jigsaw,inpaint --task-weights jigsaw=2,inpaint=1
train --stage tower --terms contrastive,generative --transforms bezier,mask
train --stage vae
train --help
"""
"""Those of its README, and its grammar of lists."""


@pytest.mark.parametrize("line", LINES_OF_0_1.splitlines())
def test_a_command_line_of_0_1_is_understood(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = line.split()
    commands = {} if "--help" in words else {words[0]: lambda *_, **__: None}
    assert main(words, commands=commands) == 0
    assert capsys.readouterr().err.count("\n") == (" --data IMAGES MASKS" in line)
