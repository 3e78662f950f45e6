"""Times of steps: which count, and what a mixture of kinds comes to."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fastssl.training.timed_steps import StepTime, StepTimes, step_kinds, time_steps


class Run:
    """Stands in for an engine on a clock of its own: a batch takes `waits[number]`, its step `seconds[number]` more."""

    def __init__(self, waits: list[float], seconds: list[float]) -> None:
        self.now, self.number, self.waits, self.seconds = 0.0, 0, waits, seconds
        self.loader: Any = self
        self.runtime = SimpleNamespace(device=torch.device("cpu"))

    def __iter__(self) -> Any:
        for _ in range(4):  # an epoch
            self.now += self.waits[self.number]
            yield {}

    def warm_up(self) -> None:
        self.now += 3.0

    def train_step(self, batch: object) -> dict[str, torch.Tensor]:
        self.now += self.seconds[self.number]
        self.number += 1
        return {"loss": torch.zeros(())}


def timed(waits: list[float], seconds: list[float], count: int, kinds: str = "a") -> StepTimes:
    run = Run(waits, seconds)
    kind_of = lambda number: kinds[number % len(kinds)]  # noqa: E731
    return time_steps(run, kind_of, lambda times: times.count >= count, -1.0, lambda: run.now)  # type: ignore[arg-type]


def test_a_step_ends_with_the_next_ones_wait_and_preparation_counts_apart() -> None:
    times = timed([5.0, 1.0, *[0.25] * 10], [20.0, 2.0, *[0.75] * 10], count=8)
    assert (times.setup, times.untimed) == (4.0, [25.0, 3.0])
    assert (times.count, times.mean(), times.data_wait) == (8, 1.0, 0.25)
    assert times.preparation == 28.0 - 2 * 1.0


def test_the_mean_and_the_wait_of_a_mixture_weigh_each_kind_by_how_often_it_comes() -> None:
    waits, seconds = [0.5, 0.5, 0.5, 1.0] * 4, [0.5, 0.5, 0.5, 8.0] * 4
    times = timed(waits, seconds, count=7, kinds="aaab")  # stops within a round: b was timed once, a six times
    assert times.mean() == pytest.approx((3 * 1.0 + 9.0) / 4)
    assert times.data_wait == pytest.approx((3 * 0.5 + 1.0) / (3 * 1.0 + 9.0))


def test_quantiles_of_one_kind_are_those_of_its_steps() -> None:
    seconds = np.random.default_rng(0).permutation(21) + 1.0
    times = StepTimes(Counter("a"), setup=0.0)
    for value in [99.0, 99.0, *seconds]:
        times.add("a", StepTime(seconds=value, waited=0.0))
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        assert times.quantile(level) == np.quantile(seconds, level, method="inverted_cdf")


def test_a_rare_kind_does_not_move_the_median_however_often_it_was_timed() -> None:
    times = StepTimes(Counter(a=9, b=1), setup=0.0)
    for kind, value in [("a", 0.0), ("b", 0.0), ("a", 1.0), ("a", 1.2), ("b", 7.0), ("b", 7.0), ("b", 7.0)]:
        times.add(kind, StepTime(seconds=value, waited=0.0))
    assert (times.quantile(0.5), times.quantile(1.0)) == (1.2, 7.0)
    assert times.complete


def test_the_devices_times_take_the_place_of_the_hosts() -> None:
    times = timed([0.0] * 9, [1.0] * 9, count=3)
    times.use_device_times([2.0, 3.0, 4.0])
    assert (times.mean(), times.quantile(0.5)) == (3.0, 3.0)
    with pytest.raises(ValueError, match="argument"):
        times.use_device_times([1.0])


def test_kinds_are_those_that_the_view_draws_for_each_batch() -> None:
    asked: list[tuple[int, int, int]] = []
    view = SimpleNamespace(part_of_batch=lambda *place: asked.append(place) or sum(place))
    kind_of = step_kinds(SimpleNamespace(settings=SimpleNamespace(seed=7), view=view), 5)  # type: ignore[arg-type]
    assert [kind_of(0), kind_of(13)] == [7, 7 + 2 + 3]
    assert asked == [(7, 0, 0), (7, 2, 3)]


@pytest.mark.gpu
def test_on_cuda_a_step_takes_as_long_as_the_device_needs_for_it() -> None:
    run = Run([0.0] * 40, [0.0] * 40)
    run.runtime = SimpleNamespace(device=torch.device("cuda"))
    cycles = 20_000_000

    def train_step(batch: object) -> dict[str, torch.Tensor]:
        torch.cuda._sleep(cycles * (3 if run.number % 4 == 3 else 1))  # the host runs ahead
        run.number += 1
        return {"loss": torch.zeros((), device="cuda")}

    run.train_step = train_step  # type: ignore[method-assign]
    times = time_steps(run, lambda number: number % 4 == 3, lambda times: times.count >= 20, 0.0)  # type: ignore[arg-type]
    assert times.quantile(1.0) == pytest.approx(3 * times.quantile(0.5), rel=0.2)
