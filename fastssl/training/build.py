"""A run put together: stage, loader and engine, as settings, data and device make them.

Covers: the same run however often it is asked for; one that is only built to measure its pace.
Does not cover: the run's folder and what it prints (`run.py`), settings that are still automatic (`resolve.py`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastssl.config import TrainConfig
from fastssl.data import Source
from fastssl.pipelines import Loader, View
from fastssl.runtime import Runtime
from fastssl.stages.registry import StageDefaults, filled
from fastssl.training import pace
from fastssl.training.assembly import Parts, assemble
from fastssl.training.engine import CheckpointPolicy, Engine
from fastssl.training.random_state import seeded
from fastssl.training.run_folder import CHECKPOINTS
from fastssl.training.schedule import CosineSchedule


@dataclass(frozen=True)
class Ground:
    """What a run is built on, whatever its settings come to."""

    folder: Path
    plan: StageDefaults
    source: Source
    runtime: Runtime


@dataclass(frozen=True)
class TrainingRun:
    """Nothing about it is automatic any more, and no step is done."""

    parts: Parts
    view: View
    loader: Loader
    engine: Engine

    @property
    def config(self) -> TrainConfig:
        """Its settings, resolved."""
        return self.parts.resolved.config


@contextmanager
def build_run(config: TrainConfig, ground: Ground) -> Iterator[TrainingRun]:
    """Put a run together; inside the block the global random generators are the run's, and its loader is open.

    Raises:
        ConfigError: settings that do not fit the data.
    """
    plan, source, runtime = ground.plan, ground.source, ground.runtime
    parts = assemble(config, plan, source, runtime)
    config = parts.resolved.config
    view = plan.view(config, parts.facts)
    with (
        seeded(config.seed, runtime.device),
        Loader(
            source.splits["train"].images,
            view,
            batch_size=config.batch_size,
            device=runtime.device,
            executor=config.pipeline,
            seed=config.seed,
            dtype=runtime.compute_dtype,
            prefetch=runtime.prefetch,
        ) as loader,
    ):
        engine = Engine(
            parts.stage,
            loader,
            runtime,
            plan.optimizer(config),
            CosineSchedule(filled(config.lr), filled(config.steps)),
            CheckpointPolicy(ground.folder / CHECKPOINTS, config.checkpoint_every, {"data": source.fingerprint}),
        )
        yield TrainingRun(parts, view, loader, engine)


def with_steps(config: TrainConfig, ground: Ground, began: float) -> tuple[TrainConfig, str]:
    """Turn the minutes of `config` into steps, by the pace of a run that is built for this alone and thrown away.

    Args:
        began: what `pace.now()` was when the budget began.

    Returns:
        `config` with its steps, which trains exactly as with `--steps`, and the reason for their number.

    Raises:
        ConfigError: settings that do not fit the data, or a budget that holds next to no steps.
    """
    minutes = filled(config.minutes)
    found = _pace(config, ground, 60 * minutes)
    gc.collect()  # the measured engine and its compiled step refer to each other, and hold the GPU's memory
    steps = pace.steps_within(minutes, pace.now() - began, found)
    reason = (
        f"what {minutes:g} minutes hold at {config.batch_size / found.seconds:,.0f} images/s, measured over "
        f"{found.timed} steps (an estimate: the finish may differ); "
    )
    return config.model_copy(update={"steps": steps}), reason


def _pace(config: TrainConfig, ground: Ground, budget: float) -> pace.Pace:
    built = pace.now()
    with build_run(config, ground) as run:
        view, seed, epoch = run.view, run.config.seed, len(run.loader)
        return pace.measure_pace(
            run.engine, lambda number: view.part_of_batch(seed, *divmod(number, epoch)), budget, built
        )
