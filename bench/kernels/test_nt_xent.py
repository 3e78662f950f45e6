"""`nt_xent` against the naive form, eager and compiled: loss and gradient, D = 128.

Covers: time, peak memory, bytes and FLOP, and the floor where the device is known; on a GPU, the kernels and the torch
reference on either side of the size from which "auto" takes the kernels. GPU figures: not yet measured.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.harness import Report, Work, best_device, measure
from fastssl.kernels import nt_xent

WIDTH, TEMPERATURE = 128, 0.1
ON_GPU = best_device() == "cuda"


def naive(embeddings: Tensor) -> Tensor:
    """SimCLR's own form: all logits, the diagonal masked, cross_entropy (Chen et al. 2020, algorithm 1)."""
    unit = F.normalize(embeddings, dim=1)
    n_rows = len(unit)
    logits = unit @ unit.T / TEMPERATURE
    logits = logits.masked_fill(torch.eye(n_rows, dtype=torch.bool, device=unit.device), -torch.inf)
    return F.cross_entropy(logits, torch.arange(n_rows, device=unit.device).roll(n_rows // 2))


def fused(impl: str) -> Callable[[Tensor], Tensor]:
    return lambda embeddings: nt_xent(embeddings, TEMPERATURE, impl=impl)


@pytest.mark.parametrize("rows", [128, 256, 512, 1024, 2048, 8192] if ON_GPU else [512, 4096])
def test_time_and_memory(report: Report, device: str, rows: int) -> None:
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    torch.manual_seed(0)
    embeddings = torch.randn(rows, WIDTH, device=device, dtype=dtype, requires_grad=True)

    def step(loss):
        def call() -> None:
            embeddings.grad = None
            loss(embeddings).backward()

        return call

    compiled = torch.compile(naive, fullgraph=True, dynamic=False)
    variants = {"fastssl": step(fused("auto")), "eager": step(naive), "torch.compile": step(compiled)}
    if ON_GPU:
        variants |= {f"fastssl, {impl}": step(fused(impl)) for impl in ("triton", "torch")}
    work = Work(bytes=2.0 * rows * WIDTH * dtype.itemsize, flop=6.0 * rows**2 * WIDTH)
    timings = measure(variants, rounds=50 if ON_GPU else 7)
    report.add(f"nt_xent N={rows} D={WIDTH} {dtype}", timings, work)
