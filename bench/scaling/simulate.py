"""An event simulation of one step on all GPUs.

Covers: GPUs that compute at their own pace, operations that all of them wait for, gradients that are summed bucket by
bucket while the backward pass goes on, in order, over links that serve one at a time. Does not cover: how long each
part takes (`step_time.py`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Work that each GPU does by itself, then an operation that starts once all are there and that all wait for.

    Args:
        compute: seconds of the first.
        transfer: seconds of the second.
    """

    compute: float
    transfer: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A bucket's sum over all GPUs, during the last backward pass.

    Args:
        ready: the share of the backward pass after which a GPU has it.
        seconds: that the links take.
    """

    ready: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A step.

    Args:
        phases: before the last backward pass.
        backward: seconds of the last backward pass on one GPU.
        sums: of its buckets, in the order in which the links serve them.
        last: after the last bucket.
    """

    phases: Sequence[Phase]
    backward: float
    sums: Sequence[Sum]
    last: Phase

    @property
    def compute(self) -> float:
        """Seconds that a GPU computes."""
        return sum(phase.compute for phase in self.phases) + self.backward + self.last.compute

    @property
    def waiting(self) -> float:
        """Seconds of the operations that all wait for, buckets left out."""
        return sum(phase.transfer for phase in self.phases) + self.last.transfer


def simulate(schedule: Schedule, gpus: int, *, jitter: float = 0.0, seed: int = 0) -> float:
    """Run one step on all GPUs, event by event.

    Args:
        schedule: of the step.
        gpus: N.
        jitter: standard deviation of a GPU's pace in this step, as a share: its compute takes (1 + jitter z) times as
            long, z normal, drawn anew for each GPU.
        seed: of the draw.

    Returns:
        Seconds from the common start until the last GPU has ended the step.
    """
    pace = 1 + jitter * np.random.default_rng(seed).standard_normal(gpus) if jitter else np.ones(gpus)
    pace = np.maximum(pace, 0.0)
    start = 0.0
    for phase in schedule.phases:
        start = _meet([(start + phase.compute * own, 0) for own in pace], 1, [phase.transfer])
    events = [
        (start + schedule.backward * bucket.ready * own, number)
        for number, bucket in enumerate(schedule.sums)
        for own in pace
    ]
    summed = _meet(events, len(schedule.sums), [bucket.seconds for bucket in schedule.sums], free=start)
    ends = [max(summed, start + schedule.backward * own) + schedule.last.compute * own for own in pace]
    return _meet([(end, 0) for end in ends], 1, [schedule.last.transfer])


def _meet(events: list[tuple[float, int]], operations: int, seconds: Sequence[float], *, free: float = 0.0) -> float:
    """Serve operations in order; each starts once every GPU has come to it and the links are free. Returns the end.

    events: (when a GPU comes to an operation, which); each operation has as many as there are GPUs.
    """
    gpus = len(events) // operations if operations else 0
    come = [0] * operations
    following = 0
    heapq.heapify(events)
    while events:
        now, operation = heapq.heappop(events)
        come[operation] += 1
        while following < operations and come[following] == gpus:
            free = max(free, now) + seconds[following]
            following += 1
    return free
