"""What every benchmark shares: the report of its file, printed at the end, and `--record` or `--record-to`, to keep it.

`pytest bench` measures on whatever device is there; on a CPU the problems are smaller. A figure that has a target is
asserted by its own test; all others are only reported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# `from bench.harness import ...`, however pytest was started; last, so that the `fastssl` that is installed stays it.
sys.path.append(str(Path(__file__).parents[1]))

from bench.environment import best_device, environment
from bench.harness import Report, save_all

RESULTS = Path(__file__).parent / "results"
_REPORTS = pytest.StashKey[list[Report]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the figures to bench/results/<device>/")
    parser.addoption(
        "--record-to", type=Path, metavar="FILE", help="write all figures into one JSON file, after every benchmark"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_REPORTS] = []


@pytest.fixture(scope="session")
def device() -> str:
    """Where to measure: "cuda" if there is a GPU, else "cpu"."""
    return best_device()


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Report:
    """The report of the benchmark file, named after its folder and itself: `kernels_info_nce`."""
    path = request.path
    name = f"{path.parent.name}_{path.stem.removeprefix('test_')}"
    fresh = Report(name)
    request.config.stash[_REPORTS].append(fresh)
    return fresh


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Keep what there is: a later benchmark may not come back."""
    path = item.config.getoption("--record-to")
    if path is not None and item.config.stash[_REPORTS]:
        save_all(item.config.stash[_REPORTS], path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for report in filter(lambda report: report.rows, config.stash[_REPORTS]):
        terminalreporter.section(report.name)
        for line in report.lines():
            terminalreporter.write_line(line)
        if config.getoption("--record"):
            terminalreporter.write_line(f"written to {report.save(RESULTS)}")
    if any(report.rows for report in config.stash[_REPORTS]):
        terminalreporter.write_line(f"measured on: {environment()}")
