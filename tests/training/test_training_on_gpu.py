"""Every registered stage on a GPU: mixed precision, compiled, from the loader to the checkpoint.

Covers: fifty steps with a finite loss that falls; steps that never make the host wait; one graph a set of tasks;
resuming bit for bit. Does not cover: what a stage learns (`fastssl probe`), nor speed (`bench/end_to_end`).
"""

from __future__ import annotations

import io
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch._dynamo.utils import counters

import fastssl
import fastssl.training.train
from fastssl.data import Source, open_source
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import STAGES, train_config
from fastssl.training.build import build_run
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock
from fastssl.training.step import MEASURE_EVERY

pytestmark = pytest.mark.gpu

DEVICE = "cuda"
SETTINGS = {"encoder": "resnet18", "size": 28, "batch_size": 64, "device": DEVICE, "amp": True, "compile": True}
STEPS = 50
COSTLY = frozenset({"top1", "top5"})  # among the metrics of every tenth step alone
each_stage = pytest.mark.parametrize("stage", STAGES)


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> None:
    """Let no test meet another one's graphs."""
    torch.compiler.reset()
    counters.clear()


@pytest.fixture(scope="module")
def colour() -> Source:
    """The demo set in colour, which every task can work on."""
    return open_source("demo-colour", size=28)


@pytest.fixture(scope="module")
def colour_npz(colour: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "colour.npz"
    np.savez(path, train_images=colour.splits["train"].images)
    return path


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Raise where the host would wait for the device."""
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep cuDNN from timing its algorithms and taking those that add up in any order.

    With both allowed, as `fastssl train` has it, two runs of one seed may differ in their last bits.
    """
    real = fastssl.training.train.resolve_runtime

    def without_benchmark(*arguments: Any) -> Any:
        chosen = real(*arguments)
        torch.backends.cudnn.benchmark = False
        return chosen

    monkeypatch.setattr(fastssl.training.train, "resolve_runtime", without_benchmark)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def train(stage: str, data: Path, out: Path, **settings: Any) -> list[dict[str, float]]:
    """A run; returns its metrics, step by step."""
    fastssl.train(
        **SETTINGS | {"steps": STEPS} | settings,
        stage=stage,
        data=str(data),
        out=out,
        console=Console(file=io.StringIO()),
    )
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def falls(records: list[dict[str, float]]) -> bool:
    """Whether the loss of the last third is below that of the first, steps of each kind compared with their own."""
    by_kind: dict[frozenset[str], list[float]] = defaultdict(list)
    for record in records:
        by_kind[frozenset(record) - COSTLY].append(record["loss"])
    changes = []
    for losses in by_kind.values():
        third = max(1, len(losses) // 3)
        first, last = mean(losses[:third]), mean(losses[-third:])
        changes.append((last - first) / abs(first))
    return mean(changes) < 0


def engine_of(stage: str, source: Source) -> Engine:
    """An engine as `fastssl train` makes it, without a run folder; close its loader."""
    config = train_config({**SETTINGS, "stage": stage, "steps": 1000})
    runtime = resolve_runtime(config.device, config.amp, config.compile, config.precision)
    run = build_run(config, source, runtime)
    return run.engine(run.loader())


@each_stage
def test_fifty_steps_end_lower_than_they_began(stage: str, colour_npz: Path, tmp_path: Path) -> None:
    records = train(stage, colour_npz, tmp_path / "run")
    assert len(records) == STEPS
    assert all(math.isfinite(value) for record in records for value in record.values())
    assert falls(records), [record["loss"] for record in records]
    assert all(values.isfinite().all() for values in load_file(tmp_path / "run" / "encoder.safetensors").values())


@each_stage
def test_a_stage_is_one_graph_and_stays_it(stage: str, colour: Source) -> None:
    """One for each set of tensors that a batch can hold: three for three tasks, of which each batch is for one; and
    one more where steps that are measured in full do more than others."""
    engine = engine_of(stage, colour)
    with engine.loader:
        engine.fit(12, lambda metrics: None, StepClock(64))
        graphs = counters["stats"]["unique_graphs"]
        engine.fit(40, lambda metrics: None, StepClock(64))
    assert not counters["graph_break"]
    kinds = 2 if stage in ("moco", "tower") else 1
    assert graphs == counters["stats"]["unique_graphs"] == kinds * len(engine.loader._producer._executors)


@each_stage
def test_no_step_makes_the_host_wait(stage: str, colour: Source, request: pytest.FixtureRequest) -> None:
    engine = engine_of(stage, colour)
    with engine.loader:
        # By then every kind of step is captured, which waits; the next five are of no kind that is still to come.
        engine.fit(4 * MEASURE_EVERY + 1, lambda metrics: None, StepClock(64))
        batches = [batch for batch, _ in zip(engine.loader, range(5), strict=False)]
    torch.cuda.synchronize()
    request.getfixturevalue("no_waits")  # only now: the loader's own thread waits for its copies, as it may
    for batch in batches:
        engine.train_step(batch)


@each_stage
@pytest.mark.usefixtures("repeatable")
def test_a_resumed_run_ends_in_the_same_bytes(stage: str, colour_npz: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    settings = {"steps": 12, "checkpoint_every": 100}
    train(stage, colour_npz, whole, **settings)
    train(stage, colour_npz, cut, **settings, stop_after=7)
    train(stage, colour_npz, cut, resume=True, **settings)
    assert (cut / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert (cut / "encoder.safetensors").read_bytes() == (whole / "encoder.safetensors").read_bytes()
