"""The files that a run would write, measured by writing them once where nobody looks.

Covers: a checkpoint, the exported encoder, a line of the metrics, in a temporary folder. Does not cover: what
evaluations write.
"""

from __future__ import annotations

from pathlib import Path

from fastssl.distributed.world import world
from fastssl.pipelines import Loader
from fastssl.training.build import TrainingRun
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.engine import Engine
from fastssl.training.fit import export
from fastssl.training.metrics_log import MetricsLog
from fastssl.training.run_folder import CHECKPOINTS

from .result import DiskUse


def measure_disk(run: TrainingRun, engine: Engine[Loader], folder: Path, steps: int, step_seconds: float) -> DiskUse:
    """Write what a run writes, and measure it. Of several processes all call it, and that of rank 0 writes.

    Args:
        run: that the engine was made by.
        engine: with checkpoints; of no further use afterwards.
        folder: a temporary one, empty.
        steps: of the whole run.
        step_seconds: of one step.

    Returns:
        The sizes, and how many checkpoints a run of so many steps writes; of other processes than that of rank 0 zeros.

    Raises:
        OSError: there is no room in the temporary folder.
    """
    metrics = engine.train_step(next(iter(engine.loader)))
    if not world().leads:
        return DiskUse(checkpoint=0, checkpoint_seconds=0.0, checkpoints=0, folder=0)
    with MetricsLog(folder) as log:
        log.write(steps, {name: float(value) for name, value in (metrics or {}).items()} | {"lr": run.settings.lr})
    line = size_of(folder)
    export(run, engine, folder)
    exported = size_of(folder) - line
    seconds = engine.save_into(folder / CHECKPOINTS)
    checkpoint = size_of(folder / CHECKPOINTS)
    policy = CheckpointPolicy(folder=folder / CHECKPOINTS, every_steps=run.settings.checkpoint_every)
    count = policy.count(steps, steps * step_seconds, seconds)
    return DiskUse(
        checkpoint=checkpoint,
        checkpoint_seconds=seconds,
        checkpoints=count,
        folder=min(run.settings.keep, count) * checkpoint + exported + steps * line,
    )


def size_of(folder: Path) -> int:
    """Add up the bytes of all files in a folder and below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
