"""NT-Xent of some of the rows. Covers: losses and gradients of any part, by torch and by Triton, against all rows at
once. Does not cover: processes (tests/distributed/test_contrast.py)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fastssl.kernels.nt_xent import reference
from fastssl.kernels.nt_xent.reference import NTXentResult
from fastssl.kernels.nt_xent.rows import gradients_of_rows, losses_of_rows

PARTS = [range(0, 40), range(0, 7), range(20, 27), range(33, 40), range(8, 24)]


def units(dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return F.normalize(torch.randn(40, 24, generator=generator, dtype=torch.float64), dim=1).to(dtype)


def whole(temperature: float, weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Losses, logsumexp and gradient of all rows by autograd in float64, by way of all logits."""
    unit = units(torch.float64).requires_grad_()
    logits = (unit @ unit.T / temperature).masked_fill(torch.eye(40, dtype=torch.bool), -torch.inf)
    losses = F.cross_entropy(logits, torch.arange(40).roll(20), reduction="none")
    (losses * weights).sum().backward()
    return losses.detach(), logits.detach().logsumexp(1), unit.grad


@pytest.mark.parametrize("impl", ["torch", "triton"])
@pytest.mark.parametrize("rows", PARTS, ids=str)
def test_a_part_is_the_part_of_the_whole(monkeypatch: pytest.MonkeyPatch, impl: str, rows: range) -> None:
    if impl == "triton":
        pytest.importorskip("triton")
    monkeypatch.setattr(reference, "TILE_ELEMENTS", 40 * 5)  # several tiles, the last one not full
    weights = torch.rand(40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    loss, lse, gradient = whole(0.2, weights)
    own = slice(rows.start, rows.stop)
    unit = units(torch.float32)
    found_loss, found_lse = losses_of_rows(unit, rows, 0.2, impl)
    torch.testing.assert_close(found_loss.double(), loss[own], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found_lse.double(), lse[own], rtol=1e-5, atol=1e-5)
    forward = NTXentResult(loss.float(), lse.float(), unit, torch.empty(0))
    found = gradients_of_rows(forward, rows, weights.float(), 0.2, impl)
    torch.testing.assert_close(found.double(), gradient[own], rtol=1e-4, atol=1e-5)
