"""Engines as `fastssl train` makes them, over images of noise and without a run folder.

Covers: any registered stage, encoder, image size and executor, checkpoints if asked for. Does not cover: measuring.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fastssl.data import Source
from fastssl.data.source import Split
from fastssl.pipelines import Loader
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import train_config
from fastssl.training.build import build_run
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.engine import Engine

BATCHES_PER_EPOCH = 10
SCHEDULED_STEPS = 10_000


@dataclass(frozen=True)
class Workload:
    """What is trained on what: a stage, an encoder ("auto": the stage's own), and images of a size."""

    stage: str
    encoder: str
    size: int
    channels: int
    batch_size: int

    def __str__(self) -> str:
        encoder = "own encoder" if self.encoder == "auto" else self.encoder
        return f"{self.stage} {encoder}, {self.size}x{self.size}x{self.channels}, batch {self.batch_size}"


def make_engine(
    work: Workload,
    device: str,
    *,
    pipeline: str = "auto",
    amp: bool = True,
    compiled: bool,
    checkpoints: CheckpointPolicy | None = None,
) -> Engine[Loader]:
    """An engine at its first step, warmed up as a run's is; close its loader when done."""
    config = train_config(
        {
            "stage": work.stage,
            "encoder": work.encoder,
            "size": work.size,
            "batch_size": work.batch_size,
            "steps": SCHEDULED_STEPS,
            "device": device,
            "amp": amp,
            "compile": compiled,
            "pipeline": pipeline,
        }
    )
    runtime = resolve_runtime(device, config.amp, config.compile, config.precision)
    run = build_run(config, _noise(work.size, work.channels, BATCHES_PER_EPOCH * work.batch_size), runtime)
    engine = run.engine(run.loader(), checkpoints)
    engine.warm_up()
    return engine


@lru_cache(maxsize=1)
def _noise(size: int, channels: int, count: int) -> Source:
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return Source(name="noise", splits={"train": Split(images=images)})
