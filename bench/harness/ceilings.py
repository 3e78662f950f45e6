"""What this device can do at best, measured in the same session, and the floor that it sets under an operation.

Covers: a copy of memory, a large matrix product and a convolution, in fp32 and bf16; on a CPU with one thread and with
all of torch's. Does not cover: counting the work of an operation, which each benchmark does from its shapes.

Numbers are random: zeros multiply faster. A ceiling is the best of its rounds, not their median.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch.nn import functional as F

from bench.harness.machine import best_device
from bench.harness.timing import Call, timer_for

Kind = Literal["product", "convolution"]
DTYPES = (torch.float32, torch.bfloat16)
ROUNDS, LONG = 5, 0.25
# On CUDA -> bytes copied, side of the square product, images of the convolution.
SIZES = {False: (256 << 20, 1024, 16), True: (4 << 30, 8192, 256)}
CHANNELS, SIDE, KERNEL = 64, 56, 3


@dataclass(frozen=True)
class Work:
    """The least an operation must move and compute, counted by hand from its shapes.

    Args:
        bytes: read and written.
        flop: multiplications and additions, each one.
        kind: whose rate bounds them.
        dtype: in which they are done.
    """

    bytes: float
    flop: float
    kind: Kind = "product"
    dtype: torch.dtype = torch.float32

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "dtype": _name(self.dtype)}


@dataclass(frozen=True)
class Ceilings:
    """Rates in bytes/s and FLOP/s. threads: None on CUDA. flop: by kind and dtype, as "product float32"."""

    threads: int | None
    copy: float
    flop: dict[str, float]

    def floor_seconds(self, work: Work) -> float:
        """The time below which the work cannot be done: its bytes by the copy, or its FLOP by their rate."""
        return max(work.bytes / self.copy, work.flop / self.flop[f"{work.kind} {_name(work.dtype)}"])


@lru_cache(maxsize=8)
def ceilings(threads: int | None = None) -> Ceilings:
    """Measured once a session: with so many threads of a CPU, by default torch's own number; or on CUDA."""
    device = best_device()
    if device == "cuda":
        return _measured(device, None)
    with _threads(threads or torch.get_num_threads()) as count:
        return _measured(device, count)


def all_ceilings() -> list[dict[str, Any]]:
    """As JSON has them: on a CPU those of one thread and of all."""
    counts = [None] if best_device() == "cuda" else sorted({1, torch.get_num_threads()})
    return [asdict(ceilings(count)) for count in counts]


def _measured(device: str, threads: int | None) -> Ceilings:
    count, side, images = SIZES[device == "cuda"]
    copy = 2.0 * count / _fastest(_copy(count, device), device)
    flop = {}
    for dtype in DTYPES:
        flop[f"product {_name(dtype)}"] = 2.0 * side**3 / _fastest(_product(side, dtype, device), device)
        per_call = 2.0 * images * (SIDE * CHANNELS * KERNEL) ** 2
        flop[f"convolution {_name(dtype)}"] = per_call / _fastest(_convolution(images, dtype, device), device)
    return Ceilings(threads=threads, copy=copy, flop=flop)


def _copy(count: int, device: str) -> Call:
    source = torch.randint(0, 256, (count,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def _product(side: int, dtype: torch.dtype, device: str) -> Call:
    left, right = torch.randn(2, side, side, device=device).to(dtype)
    return lambda: left @ right


def _convolution(images: int, dtype: torch.dtype, device: str) -> Call:
    """Of a ResNet's first stage at 224 pixels, channels-last."""

    def channels_last(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device=device).to(dtype).to(memory_format=torch.channels_last)

    x, weight = channels_last(images, CHANNELS, SIDE, SIDE), channels_last(CHANNELS, CHANNELS, KERNEL, KERNEL)
    return lambda: F.conv2d(x, weight, padding=KERNEL // 2)


@torch.no_grad()
def _fastest(call: Call, device: str) -> float:
    """Of some rounds; of the first alone, warm or not, where one takes long, as bf16 does where it is emulated."""
    timer = timer_for(device, warm_cache=True)
    first = timer(call)
    return first if first > LONG else min(timer(call) for _ in range(ROUNDS))


@contextmanager
def _threads(count: int) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
