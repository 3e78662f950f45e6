"""What a process holds, early and late in long use.

Covers: resident memory, open handles, threads, images per second. Does not cover: what is printed of it
(`__main__.py`).
"""

from __future__ import annotations

import gc
import io
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console

from fastssl.pipelines import Loader, TwoCrops
from fastssl.pipelines.executors.executor import ExecutorName

ALLOWED_BYTES = 32 << 20
"""Growth of memory that is none: allocators keep some of what they were given back."""
ALLOWED_SLOWDOWN = 0.2
"""Share of the throughput; other work on the machine moves it by more than a leak does at first."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What the process holds now.

    Args:
        memory: resident, in bytes.
        handles: open file descriptors.
        threads: of Python.
        rate: images per second since the last look; 0 where that is not measured.
    """

    memory: int
    handles: int
    threads: int
    rate: float = 0.0

    @classmethod
    def now(cls, rate: float = 0.0) -> Usage:
        """Look at `/proc`, after collecting garbage."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return cls(
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
            handles=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threads=threading.active_count(),
            rate=rate,
        )


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The medians of the second quarter and of the last quarter of all looks; the first quarter is warming up."""

    early: Usage
    late: Usage

    @classmethod
    def of(cls, looks: list[Usage]) -> Growth:
        """Compare early with late."""
        quarter = max(1, len(looks) // 4)
        return cls(early=_medians(looks[quarter : 2 * quarter] or looks[:1]), late=_medians(looks[-quarter:]))

    @property
    def drifted(self) -> bool:
        """Whether anything grew, or the throughput fell, by more than is allowed."""
        grew = self.late.memory - self.early.memory > ALLOWED_BYTES
        held = self.late.handles > self.early.handles or self.late.threads > self.early.threads
        return grew or held or self.late.rate < (1 - ALLOWED_SLOWDOWN) * self.early.rate

    def __str__(self) -> str:
        one, other = self.early, self.late
        memory = f"{one.memory >> 20} to {other.memory >> 20} MiB"
        handles, threads = (f"{a} to {b}" for a, b in ((one.handles, other.handles), (one.threads, other.threads)))
        rate = f"{one.rate:.0f} to {other.rate:.0f}" if one.rate else ""
        return f"{memory:>22} {handles:>10} {threads:>10} {rate:>18}" + "  drifted" * self.drifted


def rebuild_loaders(count: int, executor: ExecutorName) -> Growth:
    """Make, use and close so many loaders, some of them in the middle of an epoch."""
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    looks = []
    for number in range(count):
        with Loader(images, TwoCrops(28, 1), batch_size=16, prefetch=2, executor=executor, seed=number) as loader:
            for place, _ in enumerate(loader):
                if place == number % 4:
                    break
        if number % max(1, count // 20) == 0:
            looks.append(Usage.now())
    return Growth.of(looks)


def train_for(seconds: float, root: Path, clock: Callable[[], float] = time.monotonic) -> Growth:
    """Train MoCo on the demo set, with a checkpoint every 50 steps, and look some 40 times."""
    import fastssl.training.train
    from fastssl.stages.registry import train_config
    from fastssl.training.progress import StepClock

    looks: list[Usage] = []
    last = {"time": clock(), "steps": 0}
    tick, batch = StepClock.tick, 128

    def looking(self: StepClock) -> None:
        tick(self)
        last["steps"] += 1
        passed = clock() - last["time"]
        if passed > seconds / 40:
            looks.append(Usage.now(rate=last["steps"] * batch / passed))
            last.update(time=clock(), steps=0)

    StepClock.tick = looking  # type: ignore[method-assign]
    try:
        settings = {"stage": "moco", "data": "demo", "minutes": seconds / 60, "checkpoint_every": 50, "device": "cpu"}
        config = train_config({**settings, "batch_size": batch, "out": root / "run"})
        fastssl.training.train.train_stage(config, Console(file=io.StringIO()))
    finally:
        StepClock.tick = tick  # type: ignore[method-assign]
    return Growth.of(looks)


def _medians(looks: list[Usage]) -> Usage:
    return Usage(
        memory=int(median(look.memory for look in looks)),
        handles=int(median(look.handles for look in looks)),
        threads=int(median(look.threads for look in looks)),
        rate=median(look.rate for look in looks),
    )
