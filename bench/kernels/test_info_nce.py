"""`info_nce` against the naive form, eager and compiled: loss and gradient of the query, K = 65536, D = 128.

Covers: time, peak memory, bytes and FLOP, and the floor where the device is known; the claim made for the CPU.
H100 targets, not yet measured: 10x eager, 2.5x torch.compile, 2.5x the floor at B = 256 and 2x at B >= 1024.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.harness import QUICK, Report, Work, best_device, measure
from fastssl.kernels import info_nce

KEYS, WIDTH, TEMPERATURE = 65536, 128, 0.2
ON_GPU = best_device() == "cuda"


def naive(query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
    """MoCo's own form: matmul, cat, cross_entropy (He et al. 2020, algorithm 1)."""
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / TEMPERATURE
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long, device=query.device))


def fused(query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
    return info_nce(query, key, queue, TEMPERATURE)


def variants(rows: int, dtype: torch.dtype, device: str) -> dict:
    """Forward and backward of each form on the same unit vectors."""
    torch.manual_seed(0)
    query, key, queue = (F.normalize(torch.randn(n, WIDTH, device=device), dim=1).to(dtype) for n in (rows, rows, KEYS))
    query.requires_grad_()

    def step(loss):
        def call() -> None:
            query.grad = None
            loss(query, key, queue).backward()

        return call

    compiled = torch.compile(naive, fullgraph=True, dynamic=False)
    return {"fastssl": step(fused), "eager": step(naive), "torch.compile": step(compiled)}


def work(rows: int, itemsize: int) -> Work:
    """The queue read once; query, key, gradient and loss; two products."""
    return Work(bytes=(KEYS + 3 * rows) * WIDTH * itemsize + rows * 4, flop=4.0 * rows * KEYS * WIDTH)


@pytest.mark.parametrize("rows", [256, 1024, 4096] if ON_GPU else [64])
@pytest.mark.parametrize("warm_cache", [False, True] if ON_GPU else [False])
def test_time_and_memory(report: Report, device: str, rows: int, warm_cache: bool) -> None:
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    timings = measure(variants(rows, dtype, device), warm_cache=warm_cache, rounds=50 if ON_GPU else 7)
    cache = " warm L2" if warm_cache else ""
    report.add(f"info_nce B={rows} K={KEYS} D={WIDTH} {dtype}{cache}", timings, work(rows, dtype.itemsize))


@pytest.mark.skipif(ON_GPU or QUICK, reason="the claim is about the medians of a CPU")
def test_on_a_cpu_it_takes_half_the_time_and_a_quarter_of_the_memory(report: Report) -> None:
    """(256, 128, 65536) in fp32, loss and gradient, against the naive form in eager torch."""
    timings = measure(variants(256, torch.float32, "cpu"), rounds=9)
    report.add(f"info_nce B=256 K={KEYS} D={WIDTH} float32", timings, work(256, 4))
    ours, naive_form = timings["fastssl"], timings["eager"]
    assert ours.median <= 0.5 * naive_form.median
    assert ours.peak_bytes <= 0.25 * naive_form.peak_bytes
