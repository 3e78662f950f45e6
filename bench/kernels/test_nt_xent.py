"""`nt_xent` against the naive form, eager and compiled, and lightly's: loss and gradient, D = 128.

Covers: time, peak memory, and the floor; on a GPU, the kernels and the torch reference on either side of the size from
which "auto" takes the kernels. GPU figures: not yet measured.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.harness import Comparison, Work, best_device, peer
from fastssl.kernels import nt_xent

WIDTH, TEMPERATURE = 128, 0.1
ON_GPU = best_device() == "cuda"
FULL = pytest.mark.full


def naive(embeddings: Tensor) -> Tensor:
    """SimCLR's own form: all logits, the diagonal masked, cross_entropy (Chen et al. 2020, algorithm 1)."""
    unit = F.normalize(embeddings, dim=1)
    n_rows = len(unit)
    logits = unit @ unit.T / TEMPERATURE
    logits = logits.masked_fill(torch.eye(n_rows, dtype=torch.bool, device=unit.device), -torch.inf)
    return F.cross_entropy(logits, torch.arange(n_rows, device=unit.device).roll(n_rows // 2))


def fused(impl: str) -> Callable[[Tensor], Tensor]:
    return lambda embeddings: nt_xent(embeddings, TEMPERATURE, impl=impl)


def lightlys() -> Callable[[Tensor], Tensor]:
    from lightly.loss import NTXentLoss

    criterion = NTXentLoss(TEMPERATURE)
    return lambda embeddings: criterion(*embeddings.chunk(2))


SIZES = [128, 256, 512, 1024, 2048, 8192] if ON_GPU else [512, pytest.param(4096, marks=FULL)]


@pytest.mark.parametrize("rows", SIZES)
def test_loss_and_gradient(compare: Comparison, device: str, full: bool, rows: int) -> None:
    dtype = torch.bfloat16 if ON_GPU else torch.float32
    torch.manual_seed(0)
    embeddings = torch.randn(rows, WIDTH, device=device, dtype=dtype, requires_grad=True)

    def step(loss: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def call() -> None:
            embeddings.grad = None
            loss(embeddings).backward()

        return call

    variants = {
        "fastssl": step(fused("auto")),
        "eager": step(naive),
        "lightly": peer("lightly", lambda: step(lightlys())),
    }
    if ON_GPU or full:
        variants["torch.compile"] = step(torch.compile(naive, fullgraph=True, dynamic=False))
    if ON_GPU:
        variants |= {f"fastssl, {impl}": step(fused(impl)) for impl in ("triton", "torch")}
    work = Work(bytes=2.0 * rows * WIDTH * dtype.itemsize, flop=6.0 * rows**2 * WIDTH, dtype=dtype)
    compare(f"nt_xent N={rows} D={WIDTH} {str(dtype).removeprefix('torch.')}", variants, work=work)
