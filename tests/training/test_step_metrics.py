"""Metrics on their way to the host: in order, none lost, and never more than a few steps late."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from fastssl.training.step_metrics import LAG, MetricsQueue, PendingMetrics, StepMetrics


def test_on_a_cpu_the_metrics_of_every_step_arrive_at_once() -> None:
    queue = MetricsQueue()
    queue.push(4, {"loss": torch.tensor(1.5, requires_grad=True), "top1": torch.tensor(3, dtype=torch.bfloat16)})
    assert list(queue.arrived()) == [StepMetrics(step=4, values={"loss": 1.5, "top1": 3.0})]
    assert list(queue.all()) == []


def test_a_metric_is_read_as_it_was_when_pushed() -> None:
    queue, loss = MetricsQueue(), torch.tensor(1.0)
    queue.push(1, {"loss": loss})
    loss.zero_()
    assert next(queue.arrived()).values == {"loss": 1.0}


@dataclass
class Event:
    """Stands for a CUDA event that the device reaches only when it is waited for."""

    reached: bool = False

    def query(self) -> bool:
        return self.reached

    def synchronize(self) -> None:
        self.reached = True


@pytest.fixture
def pending() -> tuple[MetricsQueue, list[Event]]:
    """The metrics of `LAG + 3` steps, of which the device has finished none."""
    events = [Event() for _ in range(LAG + 3)]
    queue = MetricsQueue(
        PendingMetrics(step=step, names=("loss",), values=torch.tensor([float(step)]), copied=event)  # type: ignore[arg-type]
        for step, event in enumerate(events, start=1)
    )
    return queue, events


def test_only_metrics_older_than_the_lag_are_waited_for(pending: tuple[MetricsQueue, list[Event]]) -> None:
    queue, events = pending
    assert [metrics.step for metrics in queue.arrived()] == [1, 2, 3]
    assert [event.reached for event in events] == [True] * 3 + [False] * LAG
    events[3].reached = True
    assert [metrics.step for metrics in queue.arrived()] == [4]


def test_all_waits_for_the_device(pending: tuple[MetricsQueue, list[Event]]) -> None:
    queue, _ = pending
    assert [metrics.values["loss"] for metrics in queue.all()] == [float(step) for step in range(1, LAG + 4)]


@pytest.mark.gpu
def test_metrics_of_a_gpu_are_right_and_in_order() -> None:
    queue = MetricsQueue()
    for step in range(50):
        queue.push(step, {"loss": torch.full((), float(step), device="cuda") * 2})
    assert list(queue.all()) == [StepMetrics(step=step, values={"loss": 2.0 * step}) for step in range(50)]
