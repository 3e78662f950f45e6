"""What every benchmark shares: the fixture `compare`, the options, the progress line and the tables at the end.

`pytest bench` takes minutes and measures the problems that say most; `--full` all of them, for longer, to be published.
All of pytest-benchmark's options work, as --benchmark-json, --benchmark-autosave, --benchmark-compare and
--benchmark-histogram; --benchmark-disable runs everything once, to see that nothing is broken. No time fails one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

# `from bench.harness import ...`, however pytest was started; last, so that the `fastssl` that is installed stays it.
sys.path.append(str(Path(__file__).parents[1]))

from bench.harness import report
from bench.harness.ceilings import all_ceilings
from bench.harness.comparison import Comparison
from bench.harness.machine import best_device, commit, device_name, device_slug, load_average, machine
from bench.harness.progress import PROBLEM_WIDTH, Progress, shortened
from bench.harness.storage import save_by_file, save_together
from bench.peers.options import add_options

RESULTS = Path(__file__).parent / "results"
FULL_SECONDS, FULL_ROUNDS = 8.0, 15
_PROGRESS = pytest.StashKey[Progress]()
_RECORDS = pytest.StashKey[list[dict[str, Any]]]()
_LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fastssl benchmarks")
    group.addoption("--full", action="store_true", help="every problem and peer, measured for longer: to be published")
    group.addoption("--record", action="store_true", help="write the figures to bench/results/<device>/")
    group.addoption(
        "--record-to", type=Path, metavar="FILE", help="write all figures into one JSON file, after every benchmark"
    )
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: measured with --full alone")
    option = config.option
    given = {str(argument).partition("=")[0] for argument in config.invocation_params.args}
    if option.full:
        if "--benchmark-max-time" not in given:
            option.benchmark_max_time = FULL_SECONDS
        if "--benchmark-min-rounds" not in given:
            option.benchmark_min_rounds = FULL_ROUNDS
    # Its own tables are shown where they say more than ours: beside an earlier run.
    option.benchmark_quiet = not (option.benchmark_compare or option.benchmark_histogram)
    config.stash[_RECORDS] = []


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_PROGRESS] = Progress(session.config)
    if reporter := session.config.pluginmanager.getplugin("terminalreporter"):  # workers of xdist have none
        reporter.showfspath = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [] if config.option.full else [item for item in items if "full" in item.keywords]
    config.stash[_LEFT_OUT] = len(left_out)
    if left_out:
        items[:] = [item for item in items if "full" not in item.keywords]
        config.hook.pytest_deselected(items=left_out)
    config.stash[_PROGRESS].total = len(items)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """No dots: the progress line says more."""
    return ("passed" if report.when == "call" else "", "", "") if report.passed else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.config.stash[_PROGRESS].begins(f"{_section(item)}: {item.name}")


@pytest.fixture(scope="session")
def device() -> str:
    """Where to measure: "cuda" if there is a GPU, else "cpu"."""
    return best_device()


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether to measure what takes long as well: --full."""
    return bool(request.config.option.full)


@pytest.fixture
def compare(benchmark: Any, request: pytest.FixtureRequest) -> Comparison:
    """Measures ours and its peers on a problem: `compare("what, how large", {"fastssl": call, "eager": call})`."""
    config = request.config

    def finished(records: list[dict[str, Any]]) -> None:
        config.stash[_RECORDS].extend(records)
        info = records[0]["extra_info"]
        problem = shortened(f"{info['section']}: {info['problem']}", PROBLEM_WIDTH)
        config.stash[_PROGRESS].line(f"{problem}: {report.progress_text(records)}")

    return Comparison(benchmark, _section(request.node), finished)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Keep what there is: a later benchmark may not come back."""
    path = item.config.option.record_to
    if path is not None and item.config.stash[_RECORDS]:
        save_together(item.config, path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.option.record:
        save_by_file(session.config, RESULTS / device_slug())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    records = config.stash[_RECORDS]
    if not records:
        return
    for section, problems in report.sections(records).items():
        terminalreporter.section(section)
        for line in report.section_lines(problems):
            terminalreporter.write_line(line)
    terminalreporter.section("measured on")
    for line in _closing_lines(config, records):
        terminalreporter.write_line(line)


def _closing_lines(config: pytest.Config, records: list[dict[str, Any]]) -> list[str]:
    found = machine()
    lines = [f"{device_name()}; torch {found['packages']['torch']}; load {load_average()}"]
    for ceiling in all_ceilings():
        rates = ", ".join(f"{kind} {rate / 1e9:,.0f} GFLOP/s" for kind, rate in ceiling["flop"].items())
        threads = f"{ceiling['threads']} thread(s): " if ceiling["threads"] else ""
        lines.append(f"ceilings, {threads}copy {ceiling['copy'] / 1e9:,.1f} GB/s, {rates}")
    lines += [f"a peer is faster: {text}" for text in report.losses(records)]
    lines += [f"a peer is not installed: {pip}" for pip in report.missing(records)]
    if config.stash[_LEFT_OUT]:
        lines.append(f"{config.stash[_LEFT_OUT]} more with --full")
    return lines


def _section(item: Any) -> str:
    """The folder below bench/ in which the benchmark lies, in words."""
    return item.path.relative_to(Path(__file__).parent).parts[0].replace("_", " ")


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """In place of pytest-benchmark's own, which names the machine and not its instruction sets."""
    return machine()


def pytest_benchmark_update_commit_info(commit_info: dict[str, Any]) -> None:
    found = commit()
    commit_info.update(id=found["id"] or commit_info.get("id"), dirty=found["modified"])


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    output_json["ceilings"] = all_ceilings()
    output_json["load_average"] = load_average()
