"""lightly's loss over two processes: the values and gradients of lightly's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from fastssl.backend.lightly import NTXentLoss
from fastssl.distributed.world import world


def losses(bank: tuple[int, int] | int, width: int) -> list:
    lightly_loss = pytest.importorskip("lightly.loss")
    ours = NTXentLoss(0.3, bank, gather_distributed=True)
    theirs = lightly_loss.NTXentLoss(0.3, memory_bank_size=bank, gather_distributed=True)
    if bank:
        ours.memory_bank.bank.copy_(theirs.memory_bank.bank)
    found = []
    for step in range(3):
        for loss_of in (ours, theirs):
            generator = torch.Generator().manual_seed(10 * step + world().rank)
            one, other = (torch.randn(6, width, generator=generator).requires_grad_() for _ in range(2))
            loss = loss_of(one, other)
            loss.backward()
            found.append([loss.item(), *one.grad.flatten().tolist(), *other.grad.flatten().tolist()])
    if bank:
        found += [ours.memory_bank.bank.flatten().tolist(), theirs.memory_bank.bank.flatten().tolist()]
    return found


@pytest.mark.parametrize(("bank", "width"), [(0, 8), ((20, 8), 8), (0, 300)])
def test_gathered_losses_are_lightlys(ranks: Callable, bank: tuple[int, int] | int, width: int) -> None:
    pytest.importorskip("lightly", reason="lightly is not installed (pip install 'fastssl-engine[adapters]')")
    for found in ranks(2)(losses, bank, width):
        for own, other in zip(found[::2], found[1::2], strict=True):
            assert own == pytest.approx(other, rel=1e-5, abs=1e-6)
