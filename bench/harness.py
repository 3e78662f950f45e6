"""How fast, how much memory: one way of measuring for every benchmark of the project.

Covers: interleaved timing of variants with medians and spread, on CUDA and on the CPU; peak memory by the allocator's
own records; floors of devices whose ceilings are known; JSON and a table.
Does not cover: what is measured (each `bench/**/test_*.py` brings its variants and its bytes and FLOP), and on what
(`environment.py`).

Rules: warm-up is excluded. Variants take turns, so that a change of clock or of load falls on all of them, and their
order is shuffled every round. On CUDA a spin kernel keeps the device busy first, so that the host has queued the whole
call by the time it starts and its own overhead stays hidden, and the L2 cache is overwritten before each timing unless
`warm_cache` is set. What the host waits for, or works on other threads and streams, is timed by its clock (`wall`).

FASTSSL_BENCH_QUICK=1 in the environment times one round, to see that everything runs.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.environment import best_device, device_name, environment

QUICK = os.environ.get("FASTSSL_BENCH_QUICK") == "1"
L2_FLUSH_BYTES = 256 << 20  # five times the 50 MB of an H100
SPIN_CYCLES = 4_000_000  # about 2 ms of head start: eager forward and backward take the host up to half a millisecond


@dataclass(frozen=True)
class Ceiling:
    """What a device can do at best: bytes/s from memory, FLOP/s in bf16 tensor units. `source` says who measured."""

    bytes_per_second: float
    flop_per_second: float
    source: str


CEILINGS = {
    "NVIDIA H100 80GB HBM3": Ceiling(3.0e12, 798e12, "measured: device copy, bf16 8192^3 GEMM"),
    "NVIDIA H200": Ceiling(4.3e12, 788e12, "measured: device copy, bf16 8192^3 GEMM"),
}


@dataclass(frozen=True)
class Work:
    """The least an operation must move and compute, counted by hand from its shapes."""

    bytes: float
    flop: float

    def floor_seconds(self, ceiling: Ceiling) -> float:
        return max(self.bytes / ceiling.bytes_per_second, self.flop / ceiling.flop_per_second)


@dataclass(frozen=True)
class Timing:
    """Seconds per call over the rounds; peak bytes held above what was held before the call."""

    median: float
    fastest: float
    slowest: float
    rounds: int
    peak_bytes: int


@dataclass(frozen=True)
class Row:
    """One line of a report: a variant on one problem."""

    problem: str
    variant: str
    timing: Timing
    work: Work | None = None
    facts: Mapping[str, float] = field(default_factory=dict)
    """What else the timing says, by name and unit: {"images/s": 740.0, "data-wait %": 1.3}."""

    def floor_seconds(self) -> float | None:
        ceiling = CEILINGS.get(device_name())
        return self.work.floor_seconds(ceiling) if ceiling and self.work else None


@dataclass
class Report:
    """The rows of one benchmark file, and where they were measured."""

    name: str
    rows: list[Row] = field(default_factory=list)

    def add(self, problem: str, timings: Mapping[str, Timing], work: Work | None = None) -> None:
        self.rows += [Row(problem, variant, timing, work) for variant, timing in timings.items()]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Every row, with its floor, for JSON."""
        return [{**asdict(row), "floor_seconds": row.floor_seconds()} for row in self.rows]

    def lines(self) -> list[str]:
        """A table: medians with their range, peak memory, and the floor where the device's ceilings are known."""
        header = f"{'problem':<44} {'variant':<20} {'median':>10} {'(min .. max)':>22} {'peak':>10}  floor"
        return [header, *(_line(row) for row in self.rows)]

    def save(self, folder: Path) -> Path:
        """Write `<folder>/<device>/<name>.json`, complete enough to be read years later."""
        path = folder / device_name().lower().replace(" ", "-") / f"{self.name}.json"
        _write(path, self.as_dicts())
        return path


def save_all(reports: Iterable[Report], path: Path) -> None:
    """Write the rows of several reports into one file, each row with its "report"."""
    _write(path, [{"report": report.name, **row} for report in reports for row in report.as_dicts()])


def measure(
    variants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 20,
    warmup: int = 3,
    warm_cache: bool = False,
    wall: bool = False,
    device: str | torch.device | None = None,
) -> dict[str, Timing]:
    """Time the variants in turn. Each is called without arguments and must do all of its work on `device`.

    Args:
        rounds: timed calls of each variant. warmup: untimed calls before them (compilation happens there).
        warm_cache: leave the L2 cache as the previous call left it (CUDA only).
        wall: on CUDA too, time by the host's clock until the device has done everything on all its streams.
        device: default: CUDA if there is one.
    """
    rounds = 1 if QUICK else rounds
    cuda = torch.device(device or best_device()).type == "cuda"
    for call in variants.values():
        for _ in range(warmup):
            call()
    peaks = {name: (_cuda_peak if cuda else _cpu_peak)(call) for name, call in variants.items()}
    timer = _cpu_seconds if not cuda else _wall_seconds if wall else _cuda_timer(warm_cache)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            seconds[name].append(timer(variants[name]))
    return {
        name: Timing(statistics.median(taken), min(taken), max(taken), rounds, peaks[name])
        for name, taken in seconds.items()
    }


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _wall_seconds(call: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _cuda_timer(warm_cache: bool) -> Callable[[Callable[[], object]], float]:
    flush = None if warm_cache else torch.empty(L2_FLUSH_BYTES, dtype=torch.uint8, device="cuda")

    def seconds(call: Callable[[], object]) -> float:
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        if flush is not None:
            flush.zero_()
        torch.cuda._sleep(SPIN_CYCLES)
        start.record()
        call()
        stop.record()
        stop.synchronize()
        return start.elapsed_time(stop) / 1e3

    return seconds


def _cuda_peak(call: Callable[[], object]) -> int:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _cpu_peak(call: Callable[[], object]) -> int:
    """Largest sum of what torch's CPU allocator handed out and not yet got back, from the profiler's records."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call()
    held = peak = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def _line(row: Row) -> str:
    timing, floor = row.timing, row.floor_seconds()
    spread = f"({_time(timing.fastest)} .. {_time(timing.slowest)})"
    share = f"{_time(floor)} ({floor / timing.median:.0%} of it reached)" if floor else "no floor"
    counted = f", {row.work.bytes / 1e6:.1f} MB, {row.work.flop / 1e9:.2f} GFLOP" if row.work else ""
    counted += "".join(f", {value:,.4g} {name}" for name, value in row.facts.items())
    peak = f"{timing.peak_bytes / 1e6:.1f} MB"
    return f"{row.problem:<44} {row.variant:<20} {_time(timing.median):>10} {spread:>22} {peak:>10}  {share}{counted}"


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=2) + "\n", encoding="utf-8")


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} us"
