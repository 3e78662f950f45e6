"""The state of a run in a checkpoint: optimisers that go on exactly where they were, models that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from fastssl.errors import CheckpointError
from fastssl.training.checkpoint import Checkpoint, load_newest, save_checkpoint
from fastssl.training.memory_order import MemoryOrder
from fastssl.training.run_state import flatten_optimizer, restore_module, restore_optimizer


def optimizers() -> list[Callable[[list[nn.Parameter]], torch.optim.Optimizer]]:
    return [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, fused=True),
        lambda p: torch.optim.AdamW(p, lr=0.1, fused=True),
        lambda p: torch.optim.SGD(p, lr=0.1),
    ]


@pytest.mark.parametrize("make", optimizers(), ids=["sgd-momentum", "adamw", "sgd"])
def test_an_optimizer_goes_on_exactly_where_it_was_in_channels_last(
    tmp_path: Path, make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
) -> None:
    """Fused optimisers ignore strides: momentum restored in another layout than its parameter's would be scrambled."""

    def model() -> tuple[nn.Module, MemoryOrder, torch.optim.Optimizer]:
        torch.manual_seed(0)
        module = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        order = MemoryOrder(module.parameters())
        return module, order, make(order.views)

    def step(module: nn.Module, order: MemoryOrder, optimizer: torch.optim.Optimizer, seed: int) -> None:
        images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
        module(images.to(memory_format=torch.channels_last)).pow(2).mean().backward()
        order.hand_over_gradients()
        optimizer.step()
        optimizer.zero_grad()

    whole, cut, resumed = model(), model(), model()
    for seed in range(4):
        step(*whole, seed)
    for seed in range(2):
        step(*cut, seed)
    tensors, scalars = flatten_optimizer(cut[2], cut[1])
    groups = {"stage": cut[0].state_dict(), "optimizer": tensors}
    save_checkpoint(tmp_path, Checkpoint(step=2, tensors=groups, state=scalars))
    loaded = load_newest(tmp_path)
    restore_module(resumed[0], loaded.tensors["stage"], "here")
    restore_optimizer(resumed[2], resumed[1], loaded.tensors.get("optimizer", {}), loaded.state)
    for seed in range(2, 4):
        step(*resumed, seed)
    for a, b in zip(whole[0].parameters(), resumed[0].parameters(), strict=True):
        assert torch.equal(a, b)


def test_state_of_groups_in_another_order_is_kept_in_the_shape_of_its_own_parameter() -> None:
    """A run that began on a CPU, where filters are turned, goes on where they are not."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(5, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    module.to(memory_format=torch.channels_last)
    order = MemoryOrder(module.parameters())
    groups = [{"params": [view for view in order.views if (view.ndim > 1) is weights]} for weights in (False, True)]
    optimizer = torch.optim.AdamW(groups, lr=0.1)
    module(torch.randn(2, 3, 8, 8)).pow(2).mean().backward()
    order.hand_over_gradients()
    optimizer.step()
    tensors, scalars = flatten_optimizer(optimizer, order)
    own = [
        parameter for weights in (False, True) for parameter in module.parameters() if (parameter.ndim > 1) is weights
    ]
    assert [tensors[f"{place}.exp_avg"].shape for place in range(6)] == [parameter.shape for parameter in own]
    again = torch.optim.AdamW(groups, lr=0.1)
    restore_optimizer(again, order, tensors, scalars)
    for view in order.views:
        assert torch.equal(again.state[view]["exp_avg"], optimizer.state[view]["exp_avg"])


def test_a_module_of_another_shape_is_one_clear_line() -> None:
    with pytest.raises(CheckpointError, match=r"^here: made for another model \(size mismatch for [^\n]+\)$"):
        restore_module(nn.Linear(2, 3), nn.Linear(2, 4).state_dict(), "here")
