"""The learning rate as a pure function of the step, so that resuming needs no state.

Covers: linear warm-up and cosine decay. Does not cover: which optimiser it drives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CosineSchedule:
    """A cosine from a peak to zero, after a linear warm-up.

    lr(t) = peak (1 + cos(pi t / T)) / 2 for step t of T (SGDR without restarts, Loshchilov and Hutter, ICLR 2017). With
    W steps of warm-up, lr(t) = peak (t + 1) / W for t < W (Goyal et al., arXiv 1706.02677), and the cosine takes the
    T - W steps that are left.

    Args:
        peak: the largest learning rate.
        total_steps: T.
        warm_up_steps: W, less than T.
    """

    peak: float
    total_steps: int
    warm_up_steps: int = 0

    def lr(self, step: int) -> float:
        """Compute the learning rate of a step.

        Args:
            step: how many steps were finished before it, from 0.

        Returns:
            The rate.
        """
        if step < self.warm_up_steps:
            return self.peak * (step + 1) / self.warm_up_steps
        done, total = step - self.warm_up_steps, self.total_steps - self.warm_up_steps
        return 0.5 * self.peak * (1.0 + math.cos(math.pi * done / total))
