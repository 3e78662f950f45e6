"""Timing: variants of one problem take turns, in a new order every round, warm-up and compiling apart.

Covers: seconds a call, on the CPU and on CUDA, and the seconds of the very first call. Does not cover: memory
(`memory.py`), what a device could do at best (`ceilings.py`), what becomes of the figures (`comparison.py`).

Variants take turns so that a change of clock or of load falls on all of them. On CUDA a spin kernel keeps the device
busy first, so that the host has queued the whole call by the time it starts and its own overhead stays hidden, and the
L2 cache is overwritten before each timing unless `warm_cache` is set. What the host waits for, or works on other
threads and streams, is timed by its clock (`wall`).
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

Call = Callable[[], object]
Timer = Callable[[Call], float]

L2_FLUSH_BYTES = 256 << 20  # five times the 50 MB of an H100
SPIN_CYCLES = 4_000_000  # about 2 ms of head start: eager forward and backward take the host up to half a millisecond


@dataclass(frozen=True)
class Effort:
    """How long is measured: `seconds` of each variant, but `fewest` rounds at least and `most` at most."""

    seconds: float
    fewest: int
    most: int = 200


@dataclass(frozen=True)
class Timed:
    """Seconds of the `first` call, which may compile, and of each round's."""

    first: float
    rounds: list[float]


def take_turns(variants: Mapping[str, Call], effort: Effort, timer: Timer, *, warm_up: int = 2) -> dict[str, Timed]:
    """Time the variants in turn. Each is called without arguments and does all of its work before it returns.

    Args:
        variants: by name.
        effort: how long.
        timer: seconds of one call.
        warm_up: untimed calls after each variant's first one.
    """
    first = {name: _wall_seconds(call) for name, call in variants.items()}
    for call in variants.values():
        for _ in range(warm_up):
            call()
    rounds: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    shuffle = random.Random(0).shuffle
    with _no_collection():
        end = time.perf_counter() + effort.seconds * len(order)
        for done in range(effort.most):
            if done >= effort.fewest and time.perf_counter() >= end:
                break
            shuffle(order)
            for name in order:
                rounds[name].append(timer(variants[name]))
    return {name: Timed(first[name], rounds[name]) for name in variants}


def timer_for(device: str | torch.device, *, wall: bool = False, warm_cache: bool = False) -> Timer:
    """The way to time a call on this device.

    Args:
        device: where the work is done.
        wall: on CUDA too, by the host's clock until the device has done everything on all its streams.
        warm_cache: leave the L2 cache as the call before left it (CUDA).
    """
    if torch.device(device).type != "cuda" or wall:
        return _wall_seconds
    return _cuda_timer(warm_cache)


def _wall_seconds(call: Call) -> float:
    _finish()
    start = time.perf_counter()
    call()
    _finish()
    return time.perf_counter() - start


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _cuda_timer(warm_cache: bool) -> Timer:
    flush = None if warm_cache else torch.empty(L2_FLUSH_BYTES, dtype=torch.uint8, device="cuda")

    def seconds(call: Call) -> float:
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


@contextmanager
def _no_collection() -> Iterator[Any]:
    """Python's collection of garbage falls on no variant."""
    gc.collect()
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
