"""How fast a run will go, measured before it begins, so that a budget of minutes becomes a number of steps.

Covers: timing steps of a run that is built for this alone and thrown away, and how many steps the rest of a budget
holds at that pace. Does not cover: putting a run together (`build.py`), the speed shown meanwhile (`progress.py`).

The number of steps has to be known before the first one: learning rate, MoCo's momentum and the schedule depend on it.
"""

from __future__ import annotations

import gc
import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from fastssl.config.train import TrainConfig
from fastssl.data import Source
from fastssl.distributed.agreement import Agreement
from fastssl.distributed.leader import by_leader
from fastssl.errors import ConfigError
from fastssl.runtime import Runtime
from fastssl.training.batches import Batches
from fastssl.training.build import build_run
from fastssl.training.engine import Engine
from fastssl.training.step_metrics import MetricsQueue, StepMetrics

LEAST_STEPS = 10
"""A run that is shorter is refused: most of it would be preparation."""
LEAST_TIMED = 5
SHARE, LARGEST_SHARE = 0.05, 0.10
"""Of the budget that goes into timed steps: as a rule, and where some kind of step has not come yet."""
RESERVE = 0.05
"""Of the budget kept for checkpoints and for what is done after the last step."""
PAID_AGAIN = 0.2
"""Of what the first steps take beyond the pace, in the run itself. What was compiled for the measured engine serves the
next one, unless something in it depends on the number of steps; then compilers' caches help. The VAE's, of which that
is true, compiled for 55 s and then for 7 s (test_convnext, 28 px, inductor, one core of an AMD EPYC, torch 2.14.1)."""
SAMPLED = 1000
"""Steps whose kinds are counted, to know how often each kind comes."""

Clock = Callable[[], float]
"""Tells the time in seconds, from any moment on."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a run goes.

    Args:
        seconds: per step, the mean over the kinds of steps, each weighted by how often it comes.
        timed: how many steps were measured.
        setup: seconds that the next run spends before it goes at this pace.
    """

    seconds: float
    timed: int
    setup: float


def measure_pace(
    engine: Engine,
    kind_of: Callable[[int], Hashable],
    budget: float,
    began: float,
    clock: Clock = time.monotonic,
) -> Pace:
    """Train an engine for about a twentieth of the budget and time its steps.

    The warm-up, the first two steps and the first step of each kind, which compiles and tunes, count as preparation.

    Args:
        engine: at its first step; of no further use afterwards.
        kind_of: number of a step, from 0 -> its kind; kinds differ in how long they take (pretext has one per task).
        budget: of the whole run, in seconds.
        began: what the clock said before the engine was put together.
        clock: what the steps are timed by.

    Returns:
        The pace of a run like this one.
    """
    engine.warm_up()
    agreement = Agreement()
    timings = _Timings(Counter(kind_of(number) for number in range(SAMPLED)))
    queue = MetricsQueue()
    last = clock()
    setup = last - began
    for number, batch in enumerate(_endless(engine.loader)):
        kind = kind_of(number)
        metrics = engine.train_step(batch)
        if metrics is not None:
            queue.push(number, metrics)
        untimed = number < 2 or kind not in timings.met
        _drop(queue.all() if untimed else queue.arrived())
        last, before = clock(), last
        timings.add(kind, last - before, timed=not untimed)
        if agreement.next(save=timings.enough(budget), signal=0).save:
            break
    agreement.last(signal=0)
    _drop(queue.all())  # what a GPU still has to do belongs to the steps that were timed
    timings.of_kind[kind][-1] += clock() - last
    seconds = timings.mean()
    setup += PAID_AGAIN * max(0.0, sum(timings.untimed) - seconds * len(timings.untimed))
    return Pace(seconds=seconds, timed=timings.count, setup=setup)


def with_steps(
    config: TrainConfig, source: Source, runtime: Runtime, began: float, clock: Clock = time.monotonic
) -> tuple[TrainConfig, str]:
    """Turn the minutes of `config` into steps, by the pace of a run that is built for this alone and thrown away.

    Args:
        config: what was asked for; its `minutes` are given.
        source: the data.
        runtime: device, precision, compilation.
        began: what the clock said when the budget began.
        clock: what the steps are timed by.

    Returns:
        `config` with its steps in place of minutes, which trains exactly as with `--steps`, and why they are so many.

    Raises:
        ConfigError: settings that do not fit the data, or a budget that holds next to no steps.
    """
    minutes = float(config.minutes or 0)
    built = clock()
    run = build_run(config, source, runtime)
    seed, view = run.settings.seed, run.view
    with run.open() as engine:
        epoch = len(engine.loader)
        pace = measure_pace(
            engine, lambda number: view.part_of_batch(seed, *divmod(number, epoch)), 60 * minutes, built, clock
        )
    del run, engine
    gc.collect()  # the measured engine and its compiled step refer to each other, and hold the GPU's memory
    share = 0.0 if config.monitor == "off" else config.monitor_share
    steps = by_leader(lambda: steps_within(minutes, clock() - began, pace, share))
    reason = (
        f"what {minutes_hold(minutes)} at {config.batch_size / pace.seconds:,.0f} images/s, measured over "
        f"{pace.timed} steps (an estimate: the finish may differ); "
    )
    return config.model_copy(update={"steps": steps, "minutes": None}), reason


def steps_within(minutes: float, spent: float, pace: Pace, share: float = 0.0) -> int:
    """Compute how many steps the rest of a budget holds, once everything is prepared again.

    Args:
        minutes: the whole budget.
        spent: seconds of it that are gone.
        pace: that was measured.
        share: of the budget that goes into watching the encoder.

    Returns:
        The number of steps.

    Raises:
        ConfigError: fewer than `LEAST_STEPS`; it names a budget that would do.
    """
    preparation = spent + pace.setup
    steps = int((60 * minutes * (1 - RESERVE - share) - preparation) / pace.seconds)
    if steps < LEAST_STEPS:
        enough = (preparation + (LEAST_STEPS + 1) * pace.seconds) / (1 - RESERVE - share - LARGEST_SHARE)
        raise ConfigError(
            [
                f"minutes={minutes:g}: too short for {LEAST_STEPS} steps of {pace.seconds:.2g} s after "
                f"{preparation:.0f} s of preparation; give at least --minutes {math.ceil(enough / 6) / 10:g}"
            ]
        )
    return steps


class _Timings:
    """Seconds of steps, by their kinds.

    Args:
        kinds: how often each comes.
    """

    def __init__(self, kinds: Counter[Hashable]) -> None:
        self.kinds = kinds
        self.met: set[Hashable] = set()  # timed or not
        self.of_kind: defaultdict[Hashable, list[float]] = defaultdict(list)
        self.untimed: list[float] = []

    def add(self, kind: Hashable, seconds: float, *, timed: bool) -> None:
        self.met.add(kind)
        (self.of_kind[kind] if timed else self.untimed).append(seconds)

    @property
    def count(self) -> int:
        return sum(map(len, self.of_kind.values()))

    def enough(self, budget: float) -> bool:
        share = SHARE if self.kinds.keys() <= self.of_kind.keys() else LARGEST_SHARE
        return self.count >= LEAST_TIMED and sum(map(sum, self.of_kind.values())) >= share * budget

    def mean(self) -> float:
        """Kinds that were never timed are taken to be as the others."""
        weights = {kind: max(1, self.kinds[kind]) for kind in self.of_kind}
        total = sum(weight * sum(self.of_kind[kind]) / len(self.of_kind[kind]) for kind, weight in weights.items())
        return total / sum(weights.values())


def minutes_hold(minutes: float) -> str:
    """Write a budget as the subject of "hold": "1 minute holds", "2 minutes hold".

    Args:
        minutes: of the budget.
    """
    return "1 minute holds" if minutes == 1 else f"{minutes:g} minutes hold"


def _endless(loader: Batches) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader


def _drop(arrived: Iterable[StepMetrics]) -> None:
    for _ in arrived:
        pass
