"""From variants to benchmarks of pytest-benchmark: names, groups, ratios, floors, rates, peers that are not there."""

from __future__ import annotations

import statistics
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.timers import default_timer
from pytest_benchmark.utils import NameWrapper

from bench.harness import Amount, Comparison, NotInstalled, Work, peer
from bench.harness import comparison as module
from bench.harness.ceilings import Ceilings


def make(disabled: bool = False) -> tuple[Comparison, list[Any], list[list[dict[str, Any]]]]:
    """A comparison, the benchmarks that pytest-benchmark is given, and what is told of each problem."""
    stats: list[Any] = []
    told: list[list[dict[str, Any]]] = []
    fixture = BenchmarkFixture(
        SimpleNamespace(name="test_x", nodeid="bench/kernels/test_x.py::test_x"),
        disable_gc=False,
        timer=NameWrapper(default_timer),
        min_rounds=3,
        min_time=1e-6,
        max_time=0.01,
        precision=None,
        confidence=None,
        warmup=False,
        warmup_iterations=0,
        calibration_precision=10,
        add_stats=stats.append,
        logger=None,
        warner=None,
        disabled=disabled,
        cprofile=None,
        cprofile_loops=None,
        cprofile_dump=None,
    )
    return Comparison(fixture, "kernels", told.append), stats, told


@pytest.fixture(autouse=True)
def known_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"product float32": 100.0, "convolution bfloat16": 1000.0}
    monkeypatch.setattr(module, "ceilings", lambda: Ceilings(threads=1, copy=10.0, flop=rates))


def test_each_variant_is_a_benchmark_in_the_group_of_its_problem() -> None:
    compare, stats, told = make()
    compare.record("sums", {"fastssl": [1.0, 2.0, 9.0], "eager": [4.0, 5.0, 6.0]})
    assert [(one.name, one.group) for one in stats] == [("fastssl", "kernels: sums"), ("eager", "kernels: sums")]
    assert len({one.fullname for one in stats}) == 2
    assert [sorted(one.stats.data) for one in stats] == [[1.0, 2.0, 9.0], [4.0, 5.0, 6.0]]
    ours, eager = (one.extra_info for one in stats)
    assert (ours["role"], eager["role"]) == ("ours", "peer")
    assert eager["times_ours"] == pytest.approx(5.0 / 2.0)
    assert [record["extra_info"] for record in told[0]] == [ours, eager]
    assert told[0][1]["stats"]["median"] == 5.0


def test_a_ratio_is_to_the_fastest_of_ours_and_a_bound_is_no_peer() -> None:
    compare, stats, _ = make()
    compare.record("sums", {"fastssl, a": [4.0], "fastssl, b": [2.0], "bound: nothing": [1.0]})
    assert [one.extra_info["times_ours"] for one in stats] == [2.0, 1.0, 0.5]
    assert stats[2].extra_info["role"] == "bound"


@pytest.mark.parametrize(
    ("work", "floor"),
    [
        (Work(bytes=50.0, flop=100.0), 5.0),
        (Work(bytes=1.0, flop=300.0), 3.0),
        (Work(bytes=0.0, flop=4000.0, kind="convolution", dtype=torch.bfloat16), 4.0),
    ],
)
def test_the_floor_is_of_bytes_or_of_flop(work: Work, floor: float) -> None:
    compare, stats, _ = make()
    compare.record("sums", {"fastssl": [10.0, 10.0]}, work=work, amount=Amount(40, "images"), goals={"x": 2.0})
    info = stats[0].extra_info
    assert info["floor_seconds"] == pytest.approx(floor)
    assert info["share_of_floor"] == pytest.approx(floor / 10.0)
    assert (info["rate"], info["unit"]) == (4.0, "images/s")


def test_measuring_interleaves_and_counts_calls() -> None:
    compare, stats, _ = make()
    called: list[str] = []
    variants = {"fastssl": lambda: called.append("a"), "eager": lambda: called.append("b")}
    compare("sums", variants, calls=10, device="cpu")
    rounds = stats[0].stats.rounds
    assert rounds >= 3
    assert called.count("a") == called.count("b") == rounds + 1 + 2 + 1  # first, warm-up, peak memory
    assert all(one.extra_info["peak_bytes"] >= 0 and one.extra_info["first_call_seconds"] > 0 for one in stats)
    assert statistics.median(stats[0].stats.data) < 1e-3


def test_peak_memory_is_the_allocators() -> None:
    compare, stats, _ = make()
    compare("sums", {"fastssl": lambda: torch.ones(1 << 20) + 1.0}, device="cpu")
    assert stats[0].extra_info["peak_bytes"] == pytest.approx(2 * 4 * (1 << 20), rel=0.01)


def test_a_peer_that_is_not_installed_keeps_its_place() -> None:
    compare, stats, told = make()
    absent = peer("no_such_module", lambda: pytest.fail("made"), pip="no-such")
    assert absent == NotInstalled("pip install no-such")
    compare("sums", {"fastssl": lambda: None, "absent": absent}, device="cpu")
    assert [one.name for one in stats] == ["fastssl"]
    assert told[0][0]["extra_info"]["missing"] == {"absent": "pip install no-such"}
    assert peer("json", lambda: print)() is None


def test_disabled_everything_runs_once_and_nothing_is_kept() -> None:
    compare, stats, told = make(disabled=True)
    called = []
    compare("sums", {"fastssl": lambda: called.append(1), "eager": lambda: called.append(2)})
    compare.record("sums", {"fastssl": [1.0]})
    assert (called, stats, told) == ([1, 2], [], [])
    with pytest.raises(ZeroDivisionError):
        compare("broken", {"fastssl": lambda: 1 / 0})
