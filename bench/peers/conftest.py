"""Options of the benchmarks beside peers; given only where this folder is: `pytest bench/peers --rounds 5`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.environment import processor
from bench.harness import QUICK
from bench.peers.starting import Plan


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("peers")
    group.addoption("--rounds", type=int, default=3, help="runs of each variant, taking turns, at most (3)")
    group.addoption("--minutes", type=float, default=2.0, help="after which a benchmark begins no further round (2)")
    group.addoption("--steps", type=int, default=30, help="timed steps of a run, at most (30)")
    group.addoption("--seconds", type=float, default=3.0, help="after which a run begins no further step (3)")
    group.addoption("--neighbours", type=int, help="busy processes in the busy half (one a core)")
    group.addoption(
        "--baseline",
        type=Path,
        metavar="FOLDER",
        help="an older fastssl to run as well: pip install --no-deps --target FOLDER CHECKOUT",
    )
    group.addoption("--data", type=Path, metavar="FILE.npz", help="images for the settings of their size, not noise")


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """The options; their defaults too where `pytest bench` read this file too late to know them."""
    option = request.config.getoption
    baseline = option("--baseline", None)
    if baseline is not None and not (baseline / "fastssl" / "__init__.py").is_file():
        raise pytest.UsageError(
            f"--baseline {baseline}: holds no fastssl; pip install --no-deps --target {baseline} CHECKOUT"
        )
    return Plan(
        rounds=1 if QUICK else option("--rounds", 3),
        minutes=option("--minutes", 2.0),
        steps=1 if QUICK else option("--steps", 30),
        seconds=option("--seconds", 3.0),
        neighbours=option("--neighbours", None) or processor()["cores"],
        baseline=baseline and baseline.absolute(),
        data=option("--data", None),
    )
