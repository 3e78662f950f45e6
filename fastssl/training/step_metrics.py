"""Bringing a step's metrics to the host without making the device wait for it.

Covers: deferred copies of device scalars. Does not cover: what is done with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LAG = 8
"""Steps the host may run ahead of a CUDA device: enough to hide launches, few enough to notice a diverged loss soon."""


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """The metrics of one step, on the host.

    Args:
        step: how many steps were finished with it.
        values: by name, among them "loss".
    """

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class PendingMetrics:
    """The metrics of one step on their way to the host.

    Args:
        step: how many steps were finished with it.
        names: of the metrics.
        values: float32 `[len(names)]` on the CPU; on their way from a GPU until `copied`.
        copied: the event after the copy; None where the metrics were made on the CPU.
    """

    step: int
    names: tuple[str, ...]
    values: Tensor
    copied: torch.cuda.Event | None = None


class MetricsQueue:
    """A queue of metrics on their way from the device.

    Args:
        pending: what is on its way already, oldest first.
    """

    def __init__(self, pending: Iterable[PendingMetrics] = ()) -> None:
        self._pending = deque(pending)

    def push(self, step: int, metrics: dict[str, Tensor]) -> None:
        """Start copying the metrics of one step; returns at once.

        Args:
            step: how many steps were finished with it.
            metrics: scalars on the device, by name.
        """
        values = torch.stack([value.detach().float() for value in metrics.values()])
        copied = None
        if values.is_cuda:
            values = values.to("cpu", non_blocking=True)  # pinned by torch's caching host allocator
            copied = torch.cuda.Event()
            copied.record()
        self._pending.append(PendingMetrics(step=step, names=tuple(metrics), values=values, copied=copied))

    def arrived(self) -> Iterator[StepMetrics]:
        """Take out the metrics that have come, waiting only for those of more than `LAG` steps ago.

        Yields:
            The metrics of one step after the other, oldest first.
        """
        while self._pending:
            copied = self._pending[0].copied
            if copied is not None and not copied.query():
                if len(self._pending) <= LAG:
                    return
                copied.synchronize()
            yield self._pop()

    def all(self) -> Iterator[StepMetrics]:
        """Take out all metrics, waiting for the device.

        Yields:
            The metrics of one step after the other, oldest first.
        """
        while self._pending:
            copied = self._pending[0].copied
            if copied is not None:
                copied.synchronize()
            yield self._pop()

    def _pop(self) -> StepMetrics:
        first = self._pending.popleft()
        return StepMetrics(step=first.step, values=dict(zip(first.names, first.values.tolist(), strict=True)))
