"""Weights & Biases: a run in the project that its own settings name, "fastssl" unless WANDB_PROJECT says otherwise.

Covers: beginning a run or going on with it, metrics by our own step. Does not cover: accounts; WANDB_MODE=offline keeps
everything on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .board import keep_id, read_id

NAME, STEP, PROJECT = "wandb", "trainer/step", "fastssl"


class WandbBoard:
    """Writes to Weights & Biases.

    Args:
        folder: of the run; its name is the run's.
        settings: of the run.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        import wandb

        known = read_id(folder, NAME)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=folder.name,
            id=known,
            resume="allow" if known else None,
            dir=str(folder),
            config=dict(settings),
        )
        # By a step of our own: a resumed run begins before its last record, and W&B drops what goes back in its own.
        self._run.define_metric("*", step_metric=STEP)
        keep_id(folder, NAME, self._run.id)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({STEP: step, **values})

    def close(self) -> None:
        self._run.finish()
