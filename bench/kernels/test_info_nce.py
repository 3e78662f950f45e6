"""`info_nce` against the naive form, eager and compiled, and fused losses that are alike: K = 65536, D = 128.

Covers: loss and gradient of the query: time, peak memory, and the floor. Goals on a CPU: half of eager's time; on an
H100, not yet measured: 10x eager, 2.5x torch.compile, 40 % of the floor's speed at B = 256, half of it at B >= 1024.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.harness import Comparison, Work, best_device
from bench.kernels.eager_info_nce import eager_info_nce
from bench.kernels.fused_cross_entropy import peers
from fastssl.kernels import info_nce

KEYS, WIDTH, TEMPERATURE = 65536, 128, 0.2
ON_GPU = best_device() == "cuda"
GOALS = {"eager": 10.0, "torch.compile": 2.5} if ON_GPU else {"eager": 2.0}
FULL = pytest.mark.full


def naive(query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
    return eager_info_nce(query, key, queue, TEMPERATURE)


def fused(query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
    return info_nce(query, key, queue, TEMPERATURE)


def work(rows: int, dtype: torch.dtype) -> Work:
    """The queue read once; query, key, gradient and loss; two products."""
    size = (KEYS + 3 * rows) * WIDTH * dtype.itemsize + rows * 4
    return Work(bytes=size, flop=4.0 * rows * KEYS * WIDTH, dtype=dtype)


@pytest.mark.parametrize("rows", [256, 1024, 4096] if ON_GPU else [64, pytest.param(256, marks=FULL)])
@pytest.mark.parametrize("warm_cache", [False, pytest.param(True, marks=FULL)] if ON_GPU else [False])
def test_loss_and_gradient(compare: Comparison, device: str, full: bool, rows: int, warm_cache: bool) -> None:
    """Both forms on the same unit vectors."""
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    torch.manual_seed(0)
    query, key, queue = (F.normalize(torch.randn(n, WIDTH, device=device), dim=1).to(dtype) for n in (rows, rows, KEYS))
    query.requires_grad_()

    def step(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            query.grad = None
            loss(query, key, queue).backward()

        return call

    variants = {"fastssl": step(fused), "eager": step(naive)}
    if ON_GPU or full:
        variants["torch.compile"] = step(torch.compile(naive, fullgraph=True, dynamic=False))
    variants |= peers(query, key, queue, TEMPERATURE)
    problem = f"info_nce B={rows} K={KEYS} D={WIDTH} {str(dtype).removeprefix('torch.')}{', warm L2' * warm_cache}"
    compare(problem, variants, work=work(rows, dtype), goals=GOALS, warm_cache=warm_cache)
