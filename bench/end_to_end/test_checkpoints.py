"""What a checkpoint costs the steps beside which it is written.

Covers: the time that a stretch of steps takes with one checkpoint written meanwhile, and without, in turn, in one run;
their difference as a share of a minute, the shortest time from one checkpoint to the next. Goal: under 1 %. Does not
cover: reading checkpoints, network file systems.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
import torch

from bench.engines import Workload, make_engine
from bench.harness import Comparison, best_device
from fastssl.training.checkpoint_policy import CHECKPOINT_SECONDS, CheckpointPolicy
from fastssl.training.progress import StepClock

PAIRS = 8
# Workload -> steps of a stretch, long enough for the checkpoint to be on disk before the next stretch begins.
WORK = (
    {
        Workload("moco", "resnet18", 28, 1, 256): 100,
        Workload("moco", "resnet50", 224, 3, 256): 30,
    }
    if best_device() == "cuda"
    else {
        Workload("moco", "resnet18", 28, 1, 128): 40,
        Workload("moco", "resnet50", 28, 3, 64): 25,
    }
)


@pytest.mark.full
@pytest.mark.parametrize(("work", "steps"), WORK.items(), ids=map(str, WORK))
def test_steps_beside_a_checkpoint(
    work: Workload, steps: int, compare: Comparison, device: str, tmp_path: Path
) -> None:
    torch.compiler.reset()
    pairs, steps = (1, 2) if compare.once else (PAIRS, steps)
    policy = CheckpointPolicy(folder=tmp_path, every_steps=2 * steps)
    engine = make_engine(work, device, compiled=device == "cuda", checkpoints=policy)
    arrived: list[float] = []
    with engine.loader:
        engine.fit(
            2 * steps * (pairs + 1), lambda _: arrived.append(time.perf_counter()), StepClock(engine.loader.batch_size)
        )
    # The metrics of a step arrive before its checkpoint is taken.
    with_one = [arrived[first + steps - 1] - arrived[first - 1] for first in range(2 * steps, len(arrived), 2 * steps)]
    without = [arrived[first + steps - 1] - arrived[first - 1] for first in range(3 * steps, len(arrived), 2 * steps)]
    lost = statistics.median(with_one) - statistics.median(without)
    size = sum(path.stat().st_size for path in policy.folder.glob("step-*/*")) / len(list(policy.folder.glob("step-*")))
    facts = {
        "ms a checkpoint": 1e3 * lost,
        "MB": size / 1e6,
        f"% of {CHECKPOINT_SECONDS:.0f} s": 100 * lost / CHECKPOINT_SECONDS,
    }
    rounds = {"fastssl, one checkpoint": with_one, "bound: no checkpoint": without}
    compare.record(f"{work}, {steps} steps", rounds, facts={"fastssl, one checkpoint": facts})
