"""Options of the benchmarks that start whole runs: how many, how long, beside what.

Covers: `pytest bench --rounds 5 --seconds 20`, and the plan that comes of it. Does not cover: starting runs
(`starting.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.harness.machine import processor
from bench.peers.starting import Plan

QUICK_PLAN = {"rounds": 1, "minutes": 0.75, "steps": 30, "seconds": 2.5}
FULL_PLAN = {"rounds": 5, "minutes": 15.0, "steps": 1000, "seconds": 10.0}


def add_options(parser: pytest.Parser) -> None:
    """Without a default: it depends on --full."""
    group = parser.getgroup("benchmarks of whole runs")
    group.addoption("--rounds", type=int, help="runs of each variant, taking turns, at most (1; --full: 5)")
    group.addoption("--minutes", type=float, help="after which a problem begins no further round (0.75; --full: 15)")
    group.addoption("--steps", type=int, help="timed steps of a run, at most (30; --full: 1000)")
    group.addoption("--seconds", type=float, help="after which a run begins no further step (2.5; --full: 10)")
    group.addoption("--neighbours", type=int, help="busy processes in the busy half (one a core)")
    group.addoption(
        "--baseline",
        type=Path,
        metavar="FOLDER",
        help="an older fastssl to run as well: pip install --no-deps --target FOLDER CHECKOUT",
    )
    group.addoption("--data", type=Path, metavar="FILE.npz", help="images for the settings of their size, not noise")


def plan_of(config: pytest.Config, *, once: bool) -> Plan:
    """What the options come to; `once`: a step of each, to see that it runs.

    Raises:
        pytest.UsageError: --baseline holds no fastssl.
    """
    option = config.option
    baseline = option.baseline
    if baseline is not None and not (baseline / "fastssl" / "__init__.py").is_file():
        raise pytest.UsageError(
            f"--baseline {baseline}: holds no fastssl; pip install --no-deps --target {baseline} CHECKOUT"
        )
    chosen = FULL_PLAN if option.full else QUICK_PLAN
    given = {name: getattr(option, name) for name in chosen if getattr(option, name) is not None}
    lengths = {**chosen, **given, **({"rounds": 1, "steps": 1} if once else {})}
    return Plan(
        **lengths,
        neighbours=option.neighbours or processor()["cores"],
        baseline=baseline and baseline.absolute(),
        data=option.data,
    )
