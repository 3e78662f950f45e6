"""Beginning a run in its folder: everything that it cannot be resumed without.

Covers: settings as they are now resolved, what was read, the checkpoint before the first step. Does not cover: how the
folder is taken (`run_folder.py`).
"""

from __future__ import annotations

from pathlib import Path

import torch

from fastssl.distributed.world import world
from fastssl.pipelines import Loader
from fastssl.runtime import ResolvedSetting
from fastssl.training.build import TrainingRun
from fastssl.training.engine import Engine
from fastssl.training.run_folder import CHECKPOINTS, claimed
from fastssl.training.stored_settings import CHANCE, COMMAND


def claim(
    run: TrainingRun,
    engine: Engine[Loader],
    folder: Path,
    reasons: tuple[ResolvedSetting, ...],
    *,
    minutes: float | None,
    command: str = "",
) -> None:
    """Take a folder for a run, and write into it what the run cannot be resumed without.

    Of several processes all call it, and that of rank 0 writes.

    Args:
        run: that begins.
        engine: of the run, at its first step; it is warmed up.
        folder: of the run, whose lock is held.
        reasons: of all settings that were resolved.
        minutes: the budget that became the run's steps, if there was one.
        command: the command line that asked for the run; "" where it asked for a recipe.

    Raises:
        OSError: it cannot be written; nothing was changed.
    """
    device, settings = run.runtime.device, run.settings
    concrete = {
        "device": str(device),
        "amp": run.runtime.amp_dtype is not None if settings.amp is None else settings.amp,
        "precision": run.runtime.precision,
        # Rounding depends on their number, so a resumed run has as many.
        "threads": torch.get_num_threads() if device.type == "cpu" else settings.threads,
        "compile": run.runtime.compile,
        "pipeline": engine.loader.executor,
        "out": folder,
    }
    epochs, rest = divmod(settings.steps, len(engine.loader))
    length = {"epochs": None if rest else epochs, "minutes": minutes}
    engine.warm_up()
    if not world().leads:
        engine.count_checkpoint()
        return
    chance = engine.stage.chance_loss
    facts = ({COMMAND: command} if command else {}) | ({} if chance is None else {CHANCE: f"{chance:.6g}"})
    with claimed(folder, settings.model_copy(update=concrete), reasons, length, facts=facts) as beginning:
        run.source.report.write(beginning)
        engine.save_into(beginning / CHECKPOINTS)
