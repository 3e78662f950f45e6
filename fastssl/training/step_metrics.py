"""Bringing a step's metrics to the host without making the device wait for it.

Covers: deferred copies of device scalars. Does not cover: what is done with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Steps the host may run ahead of a CUDA device: enough to hide launches, few enough to notice a diverged loss soon.
LAG = 8


class StepMetrics(NamedTuple):
    """The metrics of one step, on the host."""

    step: int
    values: dict[str, float]


class _Pending(NamedTuple):
    step: int
    names: tuple[str, ...]
    values: Tensor
    copied: torch.cuda.Event | None


class MetricsQueue:
    """A queue of metrics on their way from the device."""

    def __init__(self) -> None:
        self._pending: deque[_Pending] = deque()

    def push(self, step: int, metrics: dict[str, Tensor]) -> None:
        """Start copying the scalars of one step; returns at once."""
        values = torch.stack([value.detach().float() for value in metrics.values()])
        copied = None
        if values.is_cuda:
            values = values.to("cpu", non_blocking=True)  # pinned by torch's caching host allocator
            copied = torch.cuda.Event()
            copied.record()
        self._pending.append(_Pending(step, tuple(metrics), values, copied))

    def arrived(self) -> Iterator[StepMetrics]:
        """Those that have come, oldest first; waits only for what is more than `LAG` steps old."""
        while self._pending:
            copied = self._pending[0].copied
            if copied is not None and not copied.query():
                if len(self._pending) <= LAG:
                    return
                copied.synchronize()
            yield self._pop()

    def all(self) -> Iterator[StepMetrics]:
        """Every one, waiting for the device."""
        while self._pending:
            copied = self._pending[0].copied
            if copied is not None:
                copied.synchronize()
            yield self._pop()

    def _pop(self) -> StepMetrics:
        step, names, values, _ = self._pending.popleft()
        return StepMetrics(step, dict(zip(names, values.tolist(), strict=True)))
