"""Run folders: their settings, checkpoints and metrics, and a resumed run as a whole."""

from __future__ import annotations

import atexit
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from rich.console import Console

import fastssl
from fastssl.training.checkpoint import load_newest
from fastssl.training.metrics_log import MetricsLog
from fastssl.training.stored_settings import read_settings, stored_config
from tests.fuzz.target import Target

QUIET = Console(file=io.StringIO())
SETTINGS = {"encoder": "test_resnet", "batch_size": 8, "device": "cpu", "amp": False, "threads": 1, "quiet": True}


@cache
def _run() -> Path:
    """A run of MoCo that was stopped after the first of two steps; gone with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fastssl-fuzz-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    images = np.random.default_rng(0).integers(0, 256, (16, 12, 12), dtype=np.uint8)
    np.savez(folder / "data.npz", train_images=images)
    fastssl.train(
        **SETTINGS,
        queue_size=16,
        data=str(folder / "data.npz"),
        steps=2,
        stop_after=1,
        out=folder / "run",
        console=QUIET,
    )
    return folder / "run"


def _newest(run: Path) -> Path:
    return sorted((run / "checkpoints").glob("step-*"))[-1]


def _parts() -> Sequence[bytes]:
    """The files of a checkpoint, each behind its place among them."""
    files = sorted(path for path in _newest(_run()).iterdir() if path.is_file())
    return [bytes([place]) + path.read_bytes() for place, path in enumerate(files)]


def _damaged(content: bytes, folder: Path) -> Path:
    """A copy of the run in which one file of each checkpoint is something else."""
    shutil.copytree(_run(), folder / "run")
    for checkpoint in (folder / "run/checkpoints").glob("step-*"):
        files = sorted(path for path in checkpoint.iterdir() if path.is_file())
        files[(content[0] if content else 0) % len(files)].write_bytes(content[1:])
    return folder / "run"


def _load_checkpoint(content: bytes, folder: Path) -> None:
    found = load_newest(_damaged(content, folder) / "checkpoints", lambda line: None)
    assert found.step in (0, 1)
    whole = load_newest(_run() / "checkpoints")
    assert {group: set(tensors) for group, tensors in found.tensors.items()} == {
        group: set(tensors) for group, tensors in whole.tensors.items()
    }


def _resume(content: bytes, folder: Path) -> None:
    result = fastssl.train(out=_damaged(content, folder), resume=True, console=QUIET)
    assert result.step == 2


def _configs() -> Sequence[bytes]:
    return [(_run() / "config.yaml").read_bytes()]


def _read_config(content: bytes, folder: Path) -> None:
    (folder / "config.yaml").write_bytes(content)
    stored_config(read_settings(folder))


def _logs() -> Sequence[bytes]:
    return [(_run() / "metrics.jsonl").read_bytes(), b'{"step": 1, "loss": 2.0}\n{"step": 2, "loss": null}\n{"st']


def _read_log(content: bytes, folder: Path) -> None:
    (folder / "metrics.jsonl").write_bytes(content)
    with MetricsLog(folder, 1) as log:
        log.write(2, {"loss": 0.5})
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert records[-1] == {"step": 2, "loss": 0.5}
    assert all(record["step"] <= 1 for record in records[:-1])


TARGETS = (
    Target(name="checkpoint", seeds=_parts, run=_load_checkpoint),
    Target(name="resume", seeds=_parts, run=_resume),
    Target(name="run-settings", seeds=_configs, run=_read_config),
    Target(name="metrics", seeds=_logs, run=_read_log),
)
