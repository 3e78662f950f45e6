"""Ctrl-C and SIGTERM: one line, the status that shells expect, and no next command after `&&`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastssl
from fastssl.cli import main
from fastssl.recipes import RecipeResult

PRESSES_CTRL_C = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"


@pytest.mark.parametrize(
    ("module", "imported"),
    [("fastssl", "cyclopts"), ("fastssl", "numpy"), ("fastssl", "torch"), ("fastssl.cli", "torch")],
)
def test_ctrl_c_in_the_middle_of_an_import_is_one_line(tmp_path: Path, module: str, imported: str) -> None:
    (tmp_path / f"{imported}.py").write_text(PRESSES_CTRL_C)
    paths = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", module, "train", "--steps", "1"]
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "fastssl: interrupted\n")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("stopped_by", "status"), [("SIGINT", 130), ("SIGTERM", 143), (None, 0)])
def test_a_training_that_was_stopped_and_saved_says_so_by_its_status(stopped_by: str | None, status: int) -> None:
    figures: dict[str, Any] = dict.fromkeys(
        ("step", "steps_run", "total_steps", "loss", "images_per_second", "data_wait", "seconds"), 1
    )
    result = fastssl.TrainResult(folder=Path("run"), encoder=Path("run/encoder"), stopped_by=stopped_by, **figures)
    recipe = RecipeResult(folder=Path("run"), stages=(result,), finished=False, evaluated=False)
    for returned in (result, recipe):
        assert main(["train"], commands={"train": lambda returned=returned, **_: returned}) == status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recipe_that_is_stopped_begins_no_other_stage(
    here: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes with the first line of progress, in the first stage."""
    images = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    np.savez(here / "data.npz", train_images=images, train_labels=np.arange(24) % 2)
    write = fastssl.training.metrics_log.MetricsLog.write

    def write_and_stop(log: Any, step: int, values: Any) -> None:
        write(log, step, values)
        signal.raise_signal(number)

    monkeypatch.setattr(fastssl.training.metrics_log.MetricsLog, "write", write_and_stop)
    line = "train --recipe mtcp --data data.npz --out run --encoder test_resnet --batch-size 8 --steps 3 --device cpu"
    assert main(line.split()) == 128 + number
    said = capsys.readouterr().out
    assert f"{number.name}: stopped and saved at step 1 of 3" in said
    assert sorted(path.name for path in (here / "run").iterdir()) == ["config.yaml", "data.json", "moco"]
