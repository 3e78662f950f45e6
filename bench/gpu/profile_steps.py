"""Where the time of a MoCo step goes: torch profiler tables, to standard output.

Covers: ResNet-18 at 28 pixels and ResNet-50 at 224, compiled and in mixed precision, loader included; the largest
consumers by device time, then by host time. Does not cover: single kernels (`launch_kernels.py`, under ncu).
Run as `python -m bench.gpu.profile_steps`.
"""

from __future__ import annotations

import torch
from torch.profiler import ProfilerActivity, profile

from bench.engines import Workload, make_engine
from bench.harness.machine import best_device, environment
from fastssl.training.progress import StepClock

ON_GPU = best_device() == "cuda"
WORK = (
    [Workload("moco", "resnet18", 28, 1, 256), Workload("moco", "resnet50", 224, 3, 256)]
    if ON_GPU
    else [Workload("moco", "resnet18", 28, 1, 16)]
)
WARM_UP_STEPS, STEPS = (15, 20) if ON_GPU else (1, 2)
ROWS = 40


def profiled(work: Workload) -> str:
    """The tables of one workload's steps."""
    torch.compiler.reset()
    engine = make_engine(work, best_device(), compiled=ON_GPU)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if ON_GPU else [])]
    with engine.loader:
        engine.fit(WARM_UP_STEPS, lambda metrics: None, StepClock(work.batch_size))
        with profile(activities=activities) as recorded:
            engine.fit(engine.step + STEPS, lambda metrics: None, StepClock(work.batch_size))
    averages = recorded.key_averages()
    orders = ["self_cuda_time_total", "self_cpu_time_total"] if ON_GPU else ["self_cpu_time_total"]
    tables = (averages.table(sort_by=order, row_limit=ROWS, max_name_column_width=80) for order in orders)
    return "\n".join([f"{work}: {STEPS} steps", *tables])


def main() -> None:
    """Print the environment and every workload's tables."""
    print(environment())
    for work in WORK:
        print(profiled(work), flush=True)


if __name__ == "__main__":
    main()
