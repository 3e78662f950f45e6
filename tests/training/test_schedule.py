"""The cosine schedule against torch's own."""

from __future__ import annotations

import pytest
import torch

from fastssl.training.schedule import CosineSchedule


def test_it_equals_torchs_cosine_annealing() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    schedule = CosineSchedule(peak=0.3, total_steps=20)
    for step in range(21):
        assert schedule.lr(step) == pytest.approx(reference.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        reference.step()


def test_it_starts_at_the_peak_and_ends_at_zero() -> None:
    schedule = CosineSchedule(peak=0.5, total_steps=7)
    assert schedule.lr(0) == 0.5
    assert schedule.lr(7) == pytest.approx(0.0, abs=1e-12)
    assert all(schedule.lr(step) > schedule.lr(step + 1) for step in range(7))
