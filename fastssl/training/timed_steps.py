"""Steps of a run that are done to be timed: each kind of step by itself, preparation apart.

Covers: which steps count, how long each took and waited for its batch, means and quantiles of the mixture. Does not
cover: how many steps are enough and what follows from their times (`pace.py`, `fastssl.estimation`), the speed shown
while a run goes on (`progress.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from fastssl.distributed.agreement import Agreement
from fastssl.training.batches import Batches
from fastssl.training.build import TrainingRun
from fastssl.training.engine import Engine
from fastssl.training.step_metrics import MetricsQueue, StepMetrics

SAMPLED = 1000
"""Steps whose kinds are counted, to know how often each kind comes."""

Clock = Callable[[], float]
"""Tells the time in seconds, from any moment on."""

KindOf = Callable[[int], Hashable]
"""Number of a step, from 0 -> its kind; kinds differ in how long they take (pretext has one per task)."""


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """One step.

    Args:
        seconds: from the end of the step before to its own; on CUDA as the device has it.
        waited: seconds of the host's waiting for the step's batch.
    """

    seconds: float
    waited: float


class StepTimes:
    """Times of steps, by their kinds.

    Args:
        kinds: how often each kind comes.
        setup: seconds before the first step.
    """

    def __init__(self, kinds: Counter[Hashable], setup: float) -> None:
        self.kinds = kinds
        self.setup = setup
        self.untimed: list[float] = []
        """Seconds of the steps that compile and tune."""
        self._met: set[Hashable] = set()  # timed or not
        self._timed: list[tuple[Hashable, StepTime]] = []
        self._counted: Counter[Hashable] = Counter()  # of the timed ones
        self.seconds = 0.0
        """Of all timed steps together, by the host's clock."""

    def counts(self, kind: Hashable) -> bool:
        """Tell whether a next step of this kind is timed: not the first two, nor the first of each kind."""
        return len(self.untimed) + self.count >= 2 and kind in self._met

    def add(self, kind: Hashable, step: StepTime) -> None:
        """Count a step; whether it is timed is as `counts` says before it."""
        if self.counts(kind):
            self._timed.append((kind, step))
            self._counted[kind] += 1
            self.seconds += step.seconds
        else:
            self.untimed.append(step.seconds)
        self._met.add(kind)

    @property
    def count(self) -> int:
        """How many steps were timed."""
        return len(self._timed)

    @property
    def complete(self) -> bool:
        """Whether a step of every kind was timed."""
        return self.kinds.keys() <= self._counted.keys()

    @property
    def preparation(self) -> float:
        """Seconds that the first steps took beyond the mean: compiling and tuning."""
        return max(0.0, sum(self.untimed) - self.mean() * len(self.untimed))

    @property
    def data_wait(self) -> float:
        """Share of the time that the host waited for batches, 0 to 1."""
        mean = self.mean()
        return min(1.0, self._mean_of(lambda step: step.waited) / mean) if mean else 0.0

    def mean(self) -> float:
        """Seconds per step; kinds weigh as often as they come, and those that were never timed are as the others."""
        return self._mean_of(lambda step: step.seconds)

    def quantile(self, level: float) -> float:
        """Seconds that a share of all steps takes at most.

        Args:
            level: the share, 0 to 1; 0.5 for the median.

        Returns:
            The time of one of the steps.
        """
        reached, weights = 0.0, self._weights()
        ordered = sorted(self._timed, key=lambda item: item[1].seconds)
        for kind, step in ordered:
            reached += weights[kind] / self._counted[kind]
            if reached >= level * sum(weights.values()) - 1e-9:
                return step.seconds
        return ordered[-1][1].seconds

    def use_device_times(self, seconds: Iterable[float]) -> None:
        """Put the device's own times of the timed steps in place of the host's."""
        pairs = zip(self._timed, seconds, strict=True)
        self._timed = [(kind, replace(step, seconds=own)) for (kind, step), own in pairs]

    def _weights(self) -> dict[Hashable, int]:
        """How often each kind comes that was timed."""
        return {kind: max(1, self.kinds[kind]) for kind in self._counted}

    def _mean_of(self, figure: Callable[[StepTime], float]) -> float:
        weights = self._weights()
        sums = dict.fromkeys(weights, 0.0)
        for kind, step in self._timed:
            sums[kind] += figure(step)
        total = sum(weight * sums[kind] / self._counted[kind] for kind, weight in weights.items())
        return total / sum(weights.values())


def step_kinds(run: TrainingRun, steps_per_epoch: int) -> KindOf:
    """Tell the kind of every step of a run.

    Args:
        run: whose view has the kinds.
        steps_per_epoch: of its loader.

    Returns:
        A function of the step's number.
    """
    seed, view = run.settings.seed, run.view
    return lambda number: view.part_of_batch(seed, *divmod(number, steps_per_epoch))


def time_steps(
    engine: Engine,
    kind_of: KindOf,
    enough: Callable[[StepTimes], bool],
    began: float,
    clock: Clock = time.monotonic,
) -> StepTimes:
    """Train an engine and time its steps. Of several processes all call it, and stop at the same step.

    The warm-up, the first two steps and the first step of each kind, which compiles and tunes, count as preparation.

    Args:
        engine: at its first step; of no further use afterwards.
        kind_of: of its steps.
        enough: asked after every step, with the host's times so far; that of rank 0 counts.
        began: what the clock said before the engine was put together.
        clock: what the steps are timed by.

    Returns:
        The times.
    """
    engine.warm_up()
    agreement, queue, batches = Agreement(), MetricsQueue(), _endless(engine.loader)
    device = _DeviceTimes(engine.runtime.device)
    last = clock()
    times = StepTimes(Counter(kind_of(number) for number in range(SAMPLED)), setup=last - began)
    number, going_on = 0, True
    while going_on:
        kind = kind_of(number)
        timed = times.counts(kind)
        batch = next(batches)
        waited = clock() - last
        metrics = engine.train_step(batch)
        if metrics is not None:
            queue.push(number, metrics)
        _drop(queue.arrived() if timed else queue.all())
        device.mark(timed=timed)
        last, before = clock(), last
        times.add(kind, StepTime(seconds=last - before, waited=waited))
        number += 1
        going_on = not agreement.next(save=times.count > 0 and enough(times), signal=0).save
    agreement.last(signal=0)
    _drop(queue.all())
    device.replace_in(times)
    return times


class _DeviceTimes:
    """When steps ended on a CUDA device, which the host does not wait for; of other devices nothing."""

    def __init__(self, device: torch.device) -> None:
        self._on_cuda = device.type == "cuda"
        self._marks: list[tuple[torch.cuda.Event, bool]] = []

    def mark(self, *, timed: bool) -> None:
        """Mark the end of a step."""
        if self._on_cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append((event, timed))

    def replace_in(self, times: StepTimes) -> None:
        """Wait for the device, and give the timed steps its times."""
        if self._on_cuda:
            torch.cuda.synchronize()
            steps = pairwise(self._marks)
            times.use_device_times(before.elapsed_time(end) / 1000 for (before, _), (end, timed) in steps if timed)


def _endless(loader: Batches) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader


def _drop(arrived: Iterable[StepMetrics]) -> None:
    for _ in arrived:
        pass
