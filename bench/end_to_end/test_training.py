"""Training end to end: the rate of whole steps, and the share of their time spent waiting for data.

Covers: MoCo with ResNet-18 at 28 and 64 pixels and ResNet-50 at 224, and every other registered stage with its own
encoder, mixed precision, under both executors; compiled and, at 28 pixels, eager. Does not cover: one step's variants
on a batch that is there already (`bench/step`), peers (`test_peers.py`), quality. Goal: data-wait under 5 %.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from bench.engines import Workload, make_engine
from bench.harness import Amount, Comparison, best_device
from fastssl.pipelines.executors.executor import dali_installed
from fastssl.stages.registry import STAGES
from fastssl.training.progress import StepClock

ON_GPU = best_device() == "cuda"
WINDOWS, STEPS = (5, 50) if ON_GPU else (3, 5)
WARM_UP_STEPS = 12 if ON_GPU else 4  # on a GPU enough for every task of a stage to be compiled for its batches
FIRST = ("moco", "pretext")
"""On a CPU the stages that are measured without --full."""

GPU_WORK = [
    Workload("moco", "resnet18", 28, 1, 256),
    Workload("moco", "resnet18", 64, 3, 256),
    Workload("moco", "resnet50", 224, 3, 256),
    *(Workload(stage, "auto", 224, 3, 128) for stage in STAGES if stage != "moco"),
]
CPU_WORK = [Workload(stage, "resnet18", 28, 3, 64) for stage in STAGES]
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


CASES = [
    pytest.param(work, name, marks=() if ON_GPU or work.stage in FIRST else pytest.mark.full, id=f"{work}, {name}")
    for work in (GPU_WORK if ON_GPU else CPU_WORK)
    for name in variants(work)
]


@pytest.mark.parametrize(("work", "name"), CASES)
def test_whole_steps(work: Workload, name: str, compare: Comparison, device: str) -> None:
    executor, compiled = SETTINGS[name]
    torch.compiler.reset()
    begin = time.perf_counter()
    engine = make_engine(work, device, pipeline=executor, compiled=compiled)
    windows, steps = (1, 2) if compare.once else (WINDOWS, STEPS)  # the first step of a clock counts in none
    with engine.loader:
        engine.fit(1 if compare.once else WARM_UP_STEPS, lambda metrics: None, StepClock(work.batch_size))
        facts: dict[str, Any] = {"s until warm": time.perf_counter() - begin}
        if ON_GPU:
            torch.cuda.reset_peak_memory_stats()
        clocks = []
        for _ in range(windows):
            clocks.append(StepClock(work.batch_size))
            engine.fit(engine.step + steps, lambda metrics: None, clocks[-1])
    if ON_GPU:
        facts["peak_bytes"] = torch.cuda.max_memory_allocated()
    facts["data-wait %"] = 100 * sum(clock.waited for clock in clocks) / sum(clock.seconds for clock in clocks)
    variant = f"fastssl, {name} ({engine.loader.executor})"
    seconds = {variant: [clock.seconds / clock.steps for clock in clocks]}
    compare.record(str(work), seconds, amount=Amount(work.batch_size, "images"), facts={variant: facts})
