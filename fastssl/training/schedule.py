"""Learning-rate schedules as pure functions of the step, so that resuming needs no state.

Covers: cosine decay. Does not cover: which optimiser it drives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CosineSchedule:
    """lr(t) = peak (1 + cos(pi t / T)) / 2 for step t of T (SGDR without restarts, Loshchilov and Hutter 2017)."""

    peak: float
    total_steps: int

    def lr(self, step: int) -> float:
        """The learning rate of the step that follows `step` finished ones."""
        return 0.5 * self.peak * (1.0 + math.cos(math.pi * step / self.total_steps))
