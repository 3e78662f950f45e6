"""When a run takes its next checkpoint, by a clock that the test sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.run_checkpoints import RunCheckpoints


def test_what_the_last_one_has_cost_puts_off_the_next(tmp_path: Path) -> None:
    time = [0.0]
    nothing: Any = None  # neither step nor loader is asked whether one is due
    policy = CheckpointPolicy(folder=tmp_path, every_seconds=10.0)
    checkpoints = RunCheckpoints(nothing, nothing, torch.device("cpu"), policy, now=lambda: time[0])
    assert not checkpoints.is_due(1)
    time[0] = 11.0
    assert checkpoints.is_due(2)
    checkpoints.writer.cost = 0.2
    assert not checkpoints.is_due(2)
    time[0] = 20.0
    assert checkpoints.is_due(3)
