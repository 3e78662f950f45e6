"""The fixture `compare`: ours and its peers on one problem, measured in turn and handed to pytest-benchmark.

Covers: a group of pytest-benchmark for each problem, a benchmark in it for each variant, with its floor, its peak
memory and its ratio to ours in `extra_info`; peers that are not installed. Does not cover: timing (`timing.py`),
tables (`report.py`).

pytest-benchmark gives a test one benchmark, run on its own; variants that take turns need several. So each variant is
a copy of the test's fixture, and its rounds are added to the statistics of that copy. Everything that pytest-benchmark
does with statistics (JSON, saving, comparing, histograms) works on them as on any other.
"""

from __future__ import annotations

import copy
import importlib.util
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.harness.ceilings import Work, ceilings
from bench.harness.machine import best_device
from bench.harness.memory import peak_bytes
from bench.harness.timing import Call, Effort, Timed, take_turns, timer_for

OURS, BOUND = "fastssl", "bound"
"""What the names of our own variants begin with, and those of another function that no variant can be faster than; all
others are peers."""


@dataclass(frozen=True)
class NotInstalled:
    """A peer that is not here. pip: what installs it."""

    pip: str


@dataclass(frozen=True)
class Amount:
    """What one call gets through: `count` of `unit`, as 256 of "images"."""

    count: float
    unit: str


def peer(module: str, make: Callable[[], Call], pip: str | None = None) -> Call | NotInstalled:
    """The peer's call, or that it is not installed.

    Args:
        module: without which it does not run.
        make: imports it and makes the call.
        pip: the package, where it is not named as its module.
    """
    if importlib.util.find_spec(module) is None:
        return NotInstalled(f"pip install {pip or module}")
    return make()


class Comparison:
    """Measures the variants of a problem.

    Args:
        benchmark: the test's own fixture of pytest-benchmark.
        section: the group of problems, named after the benchmark's folder.
        finished: told each problem's records, as JSON has them, when it is measured.
    """

    def __init__(
        self, benchmark: BenchmarkFixture, section: str, finished: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self.benchmark, self.section, self._finished = benchmark, section, finished
        # It counts as used, whatever is measured: pytest-benchmark warns of fixtures that are not.
        benchmark._mode = "compare(...)"

    @property
    def once(self) -> bool:
        """Every variant is to run once, to see that it does: --benchmark-disable."""
        return bool(self.benchmark.disabled)

    def __call__(
        self,
        problem: str,
        variants: Mapping[str, Call | NotInstalled],
        *,
        work: Work | None = None,
        amount: Amount | None = None,
        goals: Mapping[str, float] | None = None,
        calls: int = 1,
        warm_up: int = 2,
        warm_cache: bool = False,
        wall: bool = False,
        device: str | torch.device | None = None,
    ) -> None:
        """Measure the variants in turn.

        Args:
            problem: what is done, with its sizes.
            variants: by name, called without arguments, ours ("fastssl ...") first.
            work: the least that there is to do, for the floor.
            amount: what one call gets through, for a rate.
            goals: peer -> how many times as fast as it ours is meant to be; shown, never asserted.
            calls: operations in one call; times are of one.
            warm_up: untimed calls of each, after the first.
            warm_cache: leave the L2 cache as the call before left it (CUDA).
            wall: on CUDA too, time by the host's clock.
            device: where the work is done (default: CUDA if there is one).
        """
        device = device or best_device()
        installed = {name: call for name, call in variants.items() if not isinstance(call, NotInstalled)}
        if self.once:
            for call in installed.values():
                call()
            return
        effort = Effort(float(self.benchmark._max_time), self.benchmark._min_rounds)
        timer = timer_for(device, wall=wall, warm_cache=warm_cache)
        timed = take_turns(installed, effort, timer, warm_up=warm_up)
        peaks = {name: peak_bytes(call, device) for name, call in installed.items()}
        self.record(
            problem,
            {name: [seconds / calls for seconds in one.rounds] for name, one in timed.items()},
            work=work,
            amount=amount,
            goals=goals,
            facts={name: _facts(one, peaks[name]) for name, one in timed.items()},
            missing={name: call.pip for name, call in variants.items() if isinstance(call, NotInstalled)},
        )

    def record(
        self,
        problem: str,
        rounds: Mapping[str, Sequence[float]],
        *,
        work: Work | None = None,
        amount: Amount | None = None,
        goals: Mapping[str, float] | None = None,
        facts: Mapping[str, Mapping[str, Any]] | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> None:
        """Take what was timed already, as whole runs in processes of their own are.

        Args:
            problem: what is done, with its sizes.
            rounds: variant -> seconds of each round; the variants took turns.
            work: the least that there is to do.
            amount: what a round gets through.
            goals: peer -> how many times as fast as it ours is meant to be.
            facts: variant -> what else its timing says, by name with its unit.
            missing: variant -> the pip line of a peer that is not installed.
        """
        if self.once:
            return
        medians = {name: statistics.median(seconds) for name, seconds in rounds.items()}
        ours = min((median for name, median in medians.items() if name.startswith(OURS)), default=None)
        shared = {"section": self.section, "problem": problem, "missing": dict(missing or {})}
        records = []
        for name, seconds in rounds.items():
            info = {**shared, "variant": name, "role": _role(name)}
            info |= _judged(medians[name], ours, work, amount)
            if goals and name in goals:
                info["goal"] = goals[name]
            info |= (facts or {}).get(name, {})
            records.append(self._hand_over(problem, name, seconds, info))
        self._finished(records)

    def _hand_over(self, problem: str, name: str, seconds: Sequence[float], info: dict[str, Any]) -> dict[str, Any]:
        """One variant's rounds, as a benchmark of their own."""
        one = copy.copy(self.benchmark)
        one.name, one.group = name, f"{self.section}: {problem}"
        one.fullname = f"{self.benchmark.fullname}::{problem}::{name}"
        one.param, one.params = name, None
        one.extra_info = info
        stats = one._make_stats(iterations=1)
        for duration in seconds:
            stats.update(duration)
        found: dict[str, Any] = stats.as_dict(include_data=False)
        return found


def _role(name: str) -> str:
    if name.startswith(OURS):
        return "ours"
    return "bound" if name.startswith(BOUND) else "peer"


def _facts(timed: Timed, peak: int) -> dict[str, Any]:
    return {"first_call_seconds": timed.first, "peak_bytes": peak}


def _judged(median: float, ours: float | None, work: Work | None, amount: Amount | None) -> dict[str, Any]:
    """The ratio to our fastest variant, the floor, the rate."""
    found: dict[str, Any] = {}
    if ours is not None:
        found["times_ours"] = median / ours
    if work is not None:
        floor = ceilings().floor_seconds(work)
        found |= {"work": work.as_dict(), "floor_seconds": floor, "share_of_floor": floor / median}
    if amount is not None:
        found |= {"rate": amount.count / median, "unit": f"{amount.unit}/s"}
    return found
