"""`fastssl estimate` on the command line: JSON for programs, what is wrong in one line, nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fastssl.cli import main

Refusal = Callable[..., str]

TINY = ["--encoder", "test_resnet", "--batch-size", "16", "--steps", "30", "--no-amp", "--device", "cpu"]


def test_json_is_all_of_standard_output(here: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["estimate", "--stage", "simclr", *TINY, "--data", str(grey_npz), "--no-largest-batch", "--json"]
    assert main(line) == 0
    said, meanwhile = capsys.readouterr()
    told = json.loads(said)
    (stage,) = told["stages"]
    assert (stage["stage"], stage["steps"], stage["batch_size"], stage["largest_batch"]) == ("simclr", 30, 16, None)
    assert told["seconds"] > stage["seconds"] > 30 * stage["speed"]["step_seconds"]
    assert "simclr: measuring some steps" in meanwhile
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--resume"], "resume: what is estimated is a run from its beginning; leave it out"),
        (["--data", "nowhere"], "no data at 'nowhere'"),
        (["--lrr", "3"], "unknown setting 'lrr', did you mean 'lr'?"),
        (["--json=yes-please"], "json: give true or false"),
        (["--stage", "vae", "--queue-size", "64"], "queue_size is a setting of --stage moco, not of --stage vae"),
        (["extra"], "unexpected argument 'extra'"),
        (["--init", "nowhere.pth"], "nowhere.pth: no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_line(here: Path, refusal: Refusal, arguments: list[str], expected: str) -> None:
    assert expected in refusal("estimate", *arguments)
    assert list(here.iterdir()) == []


def test_a_file_of_settings_is_read_as_train_reads_it(here: Path, refusal: Refusal) -> None:
    Path("settings.yaml").write_text("recipe: mtcp\nbatch_size: 1\n")
    assert "settings.yaml: batch_size='1'" in refusal("estimate", "--config", "settings.yaml")
