"""How fast a run will go, measured before it begins, so that a budget of minutes becomes a number of steps.

Covers: how long the steps of a run that is built for this alone and thrown away are timed, and how many steps the rest
of a budget holds at that pace. Does not cover: timing a step (`timed_steps.py`), putting a run together (`build.py`).

The number of steps has to be known before the first one: learning rate, MoCo's momentum and the schedule depend on it.
"""

from __future__ import annotations

import gc
import math
import time
from dataclasses import dataclass

from fastssl.config.train import TrainConfig
from fastssl.data import Source
from fastssl.distributed.leader import by_leader
from fastssl.errors import ConfigError
from fastssl.runtime import Runtime
from fastssl.training.build import build_run
from fastssl.training.engine import Engine
from fastssl.training.timed_steps import Clock, KindOf, StepTimes, step_kinds, time_steps

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
    kind_of: KindOf,
    budget: float,
    began: float,
    clock: Clock = time.monotonic,
) -> Pace:
    """Train an engine for about a twentieth of the budget and time its steps.

    Args:
        engine: at its first step; of no further use afterwards.
        kind_of: of its steps.
        budget: of the whole run, in seconds.
        began: what the clock said before the engine was put together.
        clock: what the steps are timed by.

    Returns:
        The pace of a run like this one.
    """
    return pace_of(time_steps(engine, kind_of, lambda times: timed_enough(times, budget), began, clock))


def pace_of(times: StepTimes) -> Pace:
    """Make the pace of steps that were timed.

    Args:
        times: of a run that is thrown away; the next one is prepared faster.

    Returns:
        The pace of a run like that one.
    """
    return Pace(seconds=times.mean(), timed=times.count, setup=times.setup + PAID_AGAIN * times.preparation)


def timed_enough(times: StepTimes, budget: float) -> bool:
    """Tell whether enough steps were timed for a budget.

    Args:
        times: so far.
        budget: of the whole run, in seconds.

    Returns:
        Whether they were.
    """
    return times.count >= LEAST_TIMED and times.seconds >= (SHARE if times.complete else LARGEST_SHARE) * budget


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
    with run.open() as engine:
        pace = measure_pace(engine, step_kinds(run, len(engine.loader)), 60 * minutes, built, clock)
    del run, engine
    gc.collect()  # the measured engine and its compiled step refer to each other, and hold the GPU's memory
    steps = by_leader(lambda: steps_within(minutes, clock() - began, pace, watching_share(config)))
    reason = (
        f"what {minutes_hold(minutes)} at {config.batch_size / pace.seconds:,.0f} images/s, measured over "
        f"{pace.timed} steps (an estimate: the finish may differ); "
    )
    return config.model_copy(update={"steps": steps, "minutes": None}), reason


def watching_share(config: TrainConfig) -> float:
    """Return the share of the time that watching the encoder may take, 0 to 1.

    Args:
        config: of the run.
    """
    return 0.0 if config.monitor == "off" else config.monitor_share


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


def minutes_hold(minutes: float) -> str:
    """Write a budget as the subject of "hold": "1 minute holds", "2 minutes hold".

    Args:
        minutes: of the budget.
    """
    return "1 minute holds" if minutes == 1 else f"{minutes:g} minutes hold"
