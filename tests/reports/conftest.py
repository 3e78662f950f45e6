"""A run as training and evaluations leave it, made without training: tiny images, a tiny encoder, real report files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastssl.evaluation.fewshot.report import FewshotPair, FewshotResult, FewshotRow, write_fewshot_report
from fastssl.evaluation.probe.report import ProbeResult, ProbeRow, write_probe_report
from fastssl.evaluation.shared.statistics import holm_adjusted, mean_interval, paired_t_test
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder

SIZE = 16
HOSTILE = '<script>alert("x")</script> & \u202e"quoted"'
"""A class name that must not reach the page as it is."""

CONFIG = """# command: fastssl train --data cells.npz --steps 40 --out run
# loss of a guess: 3.5
# lr: 0.06 (0.12 x batch / 256)
# device: cpu (no CUDA device found)
data: {data}
size: 16
stage: moco
encoder: test_resnet
batch_size: 16
steps: 40
lr: 0.06
"""


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """60 training, 20 validation and 24 test images of two classes, told apart by brightness."""
    rng, arrays = np.random.default_rng(0), {}
    for split, count in {"train": 60, "val": 20, "test": 24}.items():
        labels = np.arange(count) % 2
        images = 90 + 60 * labels[:, None, None] + rng.normal(0, 40, (count, SIZE, SIZE))
        arrays[f"{split}_images"] = images.clip(0, 255).astype(np.uint8)
        arrays[f"{split}_labels"] = labels[:, None]
    path = tmp_path / "cells.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def make_run(tmp_path: Path, data_file: Path) -> Callable[..., Path]:
    """Makes the folder of a run that was trained for 40 steps."""

    def make(name: str = "run", *, seed: int = 3, settings: str = CONFIG) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        spec = EncoderSpec(name="test_resnet", in_channels=1, size=SIZE)
        save_encoder(folder / "encoder.safetensors", create_encoder(spec.name, 1, SIZE, seed=seed), spec)
        (folder / "config.yaml").write_text(settings.format(data=data_file), encoding="utf-8")
        write_logs(folder)
        classes = {HOSTILE: {"train": 30, "val": 10, "test": 12}, "bright": {"train": 30, "val": 10, "test": 12}}
        data = {"origin": f"cells, {data_file}", "path": str(data_file), "classes": classes}
        data |= {"counts": {"train": 60, "val": 20, "test": 24}, "shape": "16x16, 1 channel", "depth": "8 bit"}
        (folder / "data.json").write_text(json.dumps(data))
        return folder

    return make


def write_logs(folder: Path) -> None:
    steps = range(1, 41)
    metrics: list[dict[str, Any]] = [{"step": n, "loss": 3.5 - n / 40, "top1": n / 80, "lr": 0.06} for n in steps]
    metrics += [{"step": n, "monitor/knn_acc": n / 50, "monitor/rankme": 5.0 + n} for n in (10, 20, 40)]
    speed = [{"step": n, "images_per_second": 100.0 + n, "data_wait": 0.25} for n in (10, 20, 30, 40)]
    for name, records in {"metrics": metrics, "speed": speed}.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))


@pytest.fixture
def run(make_run: Callable[..., Path]) -> Path:
    """A run that was not evaluated."""
    return make_run()


def probe_result(auc: float = 0.9) -> ProbeResult:
    rows = (
        ProbeRow(features="trained", classifier="linear", auc=auc, acc=0.8, val_auc=0.85, setting="l2 1.0e-02"),
        ProbeRow(features="random init", classifier="linear", auc=0.6, acc=0.5),
        ProbeRow(features="published ResNet-18", classifier="end to end", auc=0.99, acc=0.9),
    )
    counts = {"n_train": 60, "n_val": 20, "n_test": 24}
    named = {"encoder": "test_resnet", "data": "cells", "task": "binary-class", "size": SIZE}
    return ProbeResult(**named, **counts, rows=rows, command="fastssl probe run --seed 1")


def fewshot_result(first: float = 0.8, second: float = 0.6) -> FewshotResult:
    """Two encoders at 1 and 5 shots over 6 draws; at 5 shots they differ by a lot, at 1 hardly."""
    rng = np.random.default_rng(1)
    values = {
        (label, shots): tuple(base * (0.75 if shots == 1 else 1) + rng.normal(0, 0.01 if shots == 5 else 0.1, 6))
        for label, base in (("first", first), ("second", second))
        for shots in (1, 5)
    }
    rows = tuple(
        FewshotRow(
            encoder=label,
            shots=shots,
            dim=8,
            overlap=0.0,
            acc=mean_interval(own),
            auc=mean_interval(own),
            acc_by_seed=own,
            auc_by_seed=own,
        )
        for (label, shots), own in values.items()
    )
    tests = holm_adjusted([paired_t_test(values["first", shots], values["second", shots]) for shots in (1, 5)])
    pairs = tuple(
        FewshotPair(encoder="first", against="second", shots=shots, metric=metric, test=test)
        for metric in ("acc", "auc")
        for shots, test in zip((1, 5), tests, strict=True)
    )
    counts = {"n_pool": 60, "n_test": 24, "seeds": tuple(range(6)), "l2": None}
    command = "fastssl fewshot first second"
    return FewshotResult(data="cells", task="binary-class", **counts, rows=rows, pairs=pairs, command=command)


@pytest.fixture
def evaluated_run(run: Path) -> Path:
    """A run with the report files of a probe and of a few-shot comparison."""
    write_probe_report(probe_result(), run / "report")
    write_fewshot_report(fewshot_result(), run / "report")
    return run


@pytest.fixture
def results() -> dict[str, Callable[..., Any]]:
    """Makers of results, by evaluation."""
    return {"probe": probe_result, "fewshot": fewshot_result}
