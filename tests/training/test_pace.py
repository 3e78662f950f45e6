"""The pace of a run: seconds per step of a mixture, what counts as preparation, how many steps a budget holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fastssl.errors import ConfigError
from fastssl.training.pace import (
    LEAST_STEPS,
    LEAST_TIMED,
    PAID_AGAIN,
    RESERVE,
    Pace,
    measure_pace,
    minutes_hold,
    steps_within,
)

WARM_UP = 7.0


class Run:
    """Stands in for an engine, on a clock of its own: step `number` takes `seconds[number]`."""

    def __init__(self, seconds: list[float]) -> None:
        self.now, self.steps, self.seconds = 0.0, 0, seconds
        self.loader: Any = self
        self.runtime = SimpleNamespace(device=torch.device("cpu"))

    def __iter__(self) -> Iterator[SimpleNamespace]:
        yield from [SimpleNamespace()] * 3  # an epoch

    def warm_up(self) -> None:
        self.now += WARM_UP

    def train_step(self, batch: object) -> dict[str, torch.Tensor]:
        self.now += self.seconds[self.steps]
        self.steps += 1
        return {"loss": torch.zeros(())}


def measured(seconds: list[float], budget: float, kinds: str = "a") -> tuple[Pace, int]:
    """The pace of a run whose steps take so many seconds, and how many steps were done to measure it."""
    run = Run(seconds)
    pace = measure_pace(run, lambda number: kinds[number % len(kinds)], budget, -2.0, lambda: run.now)  # type: ignore[arg-type]
    return pace, run.steps


def test_the_first_two_steps_are_preparation() -> None:
    found, steps = measured([60.0, 3.0, *[0.5] * 98], budget=100.0)
    assert (found.seconds, found.timed) == (0.5, 10)  # five seconds: a twentieth of the budget
    assert steps == 12
    assert found.setup == pytest.approx(2.0 + WARM_UP + PAID_AGAIN * (60.0 - 0.5 + 3.0 - 0.5))


def test_at_least_five_steps_are_timed_however_long_they_take() -> None:
    found, _ = measured([40.0, 30.0, 10.0, 20.0, 30.0, 20.0, 70.0, *[1.0] * 9], budget=60.0)
    assert (found.seconds, found.timed) == (pytest.approx(30.0), LEAST_TIMED)


def test_the_pace_of_a_mixture_weighs_each_kind_by_how_often_it_comes() -> None:
    # Kind b comes once in four steps and takes nine seconds for one; its first step compiles.
    seconds = [1.0, 1.0, 1.0, 99.0, *[1.0, 1.0, 1.0, 9.0] * 5]
    found, steps = measured(seconds, budget=100.0, kinds="aaab")
    assert found.seconds == pytest.approx((3 * 1 + 9) / 4)
    assert steps == 8  # until b has been timed, which needs more than a twentieth but less than a tenth of the budget
    assert found.setup == pytest.approx(2.0 + WARM_UP + PAID_AGAIN * (1 + 1 + 99 - 3 * 3.0))


def test_a_kind_that_hardly_ever_comes_is_not_waited_for_beyond_a_tenth_of_the_budget() -> None:
    found, steps = measured([1.0] * 99, budget=100.0, kinds=99 * "a" + "b")
    assert (found.seconds, steps) == (1.0, 12)


def test_a_budget_holds_what_is_left_of_it_after_preparation_and_a_reserve() -> None:
    steps = steps_within(10.0, spent=30.0, pace=Pace(seconds=0.25, timed=9, setup=40.0))
    assert steps == (600 * (1 - RESERVE) - 70) / 0.25 == 2000


@pytest.mark.parametrize("seconds", [0.01, 0.3, 2.0, 25.0])
def test_a_budget_too_small_for_ten_steps_is_refused_with_one_that_would_do(seconds: float) -> None:
    given = Pace(seconds=seconds, timed=5, setup=12.0)
    with pytest.raises(ConfigError, match=f"^minutes=0.2: too short for {LEAST_STEPS} steps") as caught:
        steps_within(0.2, spent=20.0, pace=given)
    (enough,) = re.findall(r"give at least --minutes ([\d.]+)$", str(caught.value))
    assert steps_within(float(enough), spent=20.0, pace=given) >= LEAST_STEPS
    measuring = 0.1 * 60 * float(enough)  # a larger budget is measured for longer
    assert steps_within(float(enough), spent=20.0 + measuring, pace=given) >= LEAST_STEPS
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("minutes", "said"), [(1.0, "1 minute holds"), (2.0, "2 minutes hold"), (0.5, "0.5 minutes hold")]
)
def test_one_minute_is_singular(minutes: float, said: str) -> None:
    assert minutes_hold(minutes) == said
