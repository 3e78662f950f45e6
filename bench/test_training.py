"""Training end to end: the rate of whole steps, and the share of their time spent waiting for data.

Covers: MoCo with ResNet-18 at 28 and 64 pixels and ResNet-50 at 224, and every other registered stage with its own
encoder, mixed precision, under both executors; compiled and, at 28 pixels, eager. Does not cover: one step's variants
on a batch that is there already (`test_step.py`), quality. Target: data-wait under 5 % with the default executor.
"""

from __future__ import annotations

import time

import pytest
import torch

from bench.engines import Workload, make_engine
from bench.harness import QUICK, Report, Row, Timing, best_device
from fastssl.pipelines.executors.executor import dali_installed
from fastssl.stages.registry import STAGES
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock

ON_GPU = best_device() == "cuda"
WINDOWS, STEPS = (1, 3) if QUICK else (5, 50) if ON_GPU else (3, 10)
WARM_UP_STEPS = 2 if QUICK else 12  # enough for every task of a stage to be compiled for its batches
MOST_WAITING = 0.05

GPU_WORK = [
    Workload("moco", "resnet18", 28, 1, 256),
    Workload("moco", "resnet18", 64, 3, 256),
    Workload("moco", "resnet50", 224, 3, 256),
    *(Workload(stage, "auto", 224, 3, 128) for stage in STAGES if stage != "moco"),
]
CPU_WORK = [Workload(stage, "resnet18", 28, 3, 16 if QUICK else 64) for stage in STAGES]
# Name -> (executor, compiled).
SETTINGS = {"default": ("auto", ON_GPU), "torch executor": ("torch", ON_GPU), "eager": ("auto", False)}


def variants(work: Workload) -> list[str]:
    """Those of `SETTINGS` that say something new about this workload on this device."""
    names = ["default"]
    if ON_GPU and dali_installed():
        names.append("torch executor")
    if ON_GPU and work.size == 28:
        names.append("eager")
    return names


CASES = [(work, name) for work in (GPU_WORK if ON_GPU else CPU_WORK) for name in variants(work)]


def timed(engine: Engine) -> tuple[list[StepClock], int]:
    """A clock for each window of steps, and the largest memory held on a GPU."""
    with engine.loader:
        engine.fit(WARM_UP_STEPS, lambda metrics: None, StepClock(engine.loader.batch_size))
        if ON_GPU:
            torch.cuda.reset_peak_memory_stats()
        clocks = []
        for _ in range(WINDOWS):
            clocks.append(StepClock(engine.loader.batch_size))
            engine.fit(engine.step + STEPS, lambda metrics: None, clocks[-1])
    return clocks, torch.cuda.max_memory_allocated() if ON_GPU else 0


@pytest.mark.parametrize(("work", "name"), CASES, ids=[f"{work}, {name}" for work, name in CASES])
def test_whole_steps(work: Workload, name: str, report: Report, device: str) -> None:
    executor, compiled = SETTINGS[name]
    torch.compiler.reset()
    engine = make_engine(work, device, pipeline=executor, compiled=compiled)
    begin = time.perf_counter()
    clocks, peak = timed(engine)
    first = time.perf_counter() - begin - sum(clock.seconds for clock in clocks)
    seconds = sorted(clock.seconds / clock.steps for clock in clocks)
    waiting = sum(clock.waited for clock in clocks) / sum(clock.seconds for clock in clocks)
    median = seconds[len(seconds) // 2]
    facts = {"images/s": work.batch_size / median, "data-wait %": 100 * waiting, "s until warm": first}
    timing = Timing(median, seconds[0], seconds[-1], WINDOWS * STEPS, peak)
    report.rows.append(Row(str(work), f"{name} ({engine.loader.executor})", timing, facts=facts))
    if name == "default" and not QUICK:
        assert waiting < MOST_WAITING, f"{waiting:.1%} of the time went into waiting for data"
