"""The simulation of a step: what it comes to where that is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.scaling.simulate import Phase, Schedule, Sum, simulate

RNG = np.random.default_rng(3)


def step(*, backward: float = 3.0, sums: tuple[Sum, ...] = (), phases: tuple[Phase, ...] = ()) -> Schedule:
    return Schedule(phases=phases, backward=backward, sums=sums, last=Phase(compute=0.5))


def test_one_gpu_without_transfers_takes_its_compute() -> None:
    made = step(phases=(Phase(compute=1.0), Phase(compute=2.0)), sums=(Sum(ready=0.5, seconds=0.0),))
    assert simulate(made, 1) == pytest.approx(made.compute) == pytest.approx(6.5)


def test_sums_that_are_ready_in_time_are_hidden_but_for_the_last() -> None:
    made = step(sums=(Sum(ready=0.2, seconds=0.4), Sum(ready=0.6, seconds=0.4), Sum(ready=1.0, seconds=0.25)))
    assert simulate(made, 4) == pytest.approx(3.0 + 0.25 + 0.5)


def test_sums_that_are_all_ready_at_the_end_are_added_up() -> None:
    made = step(sums=tuple(Sum(ready=1.0, seconds=0.5) for _ in range(4)))
    assert simulate(made, 4) == pytest.approx(3.0 + 4 * 0.5 + 0.5)


def test_links_serve_one_sum_at_a_time_in_order() -> None:
    made = step(sums=(Sum(ready=0.1, seconds=5.0), Sum(ready=0.2, seconds=1.0)))
    assert simulate(made, 2) == pytest.approx(0.3 + 5.0 + 1.0 + 0.5)


def test_a_transfer_that_all_wait_for_is_added() -> None:
    made = step(phases=(Phase(compute=1.0, transfer=0.75), Phase(compute=1.0, transfer=0.25)))
    assert simulate(made, 8) == pytest.approx(1.0 + 0.75 + 1.0 + 0.25 + 3.0 + 0.5)
    assert made.waiting == 1.0


def test_the_simulation_is_the_recursion_of_its_definition() -> None:
    for _ in range(20):
        ready = np.sort(RNG.random(6))
        sums = tuple(Sum(ready=float(share), seconds=float(RNG.random())) for share in ready)
        end = 0.0
        for bucket in sums:
            end = max(end, bucket.ready * 3.0) + bucket.seconds
        assert simulate(step(sums=sums), 3) == pytest.approx(max(end, 3.0) + 0.5)


def test_the_slowest_of_many_sets_the_pace_as_extreme_values_say() -> None:
    """The largest of n normal numbers is near sqrt(2 ln n), from below (here 3.04 of 3.53 for n = 512)."""
    gpus, jitter = 512, 0.05
    made = Schedule(phases=(), backward=1.0, sums=(), last=Phase(compute=0.0))
    excess = np.mean([simulate(made, gpus, jitter=jitter, seed=seed) - 1 for seed in range(50)]) / jitter
    assert 0.8 * math.sqrt(2 * math.log(gpus)) < excess < math.sqrt(2 * math.log(gpus))


def test_stragglers_cost_more_the_more_gpus_there_are() -> None:
    made = step(sums=(Sum(ready=1.0, seconds=0.1),))
    times = [np.mean([simulate(made, n, jitter=0.05, seed=seed) for seed in range(30)]) for n in (1, 8, 64)]
    assert times == sorted(times)
