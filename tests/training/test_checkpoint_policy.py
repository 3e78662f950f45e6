"""When a checkpoint is due: by steps, by time, and by what the last one has cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.training.checkpoint_policy import CheckpointPolicy


@pytest.mark.parametrize(("step", "due"), [(3, True), (4, False), (6, True)])
def test_a_number_of_steps_is_kept_whatever_it_costs(step: int, due: bool) -> None:
    policy = CheckpointPolicy(folder=Path("run"), every_steps=3)
    assert policy.is_due(step, seconds=1e6 * (step == 4), cost=1e3) is due


@pytest.mark.parametrize(
    ("seconds", "cost", "due"),
    [(59.0, 0.0, False), (60.0, 0.0, True), (60.0, 0.6, True), (60.0, 0.9, False), (90.0, 0.9, True)],
)
def test_by_time_one_comes_once_a_minute_unless_it_costs_more_than_a_hundredth(
    seconds: float, cost: float, due: bool
) -> None:
    assert CheckpointPolicy(folder=Path("run")).is_due(7, seconds, cost) is due
