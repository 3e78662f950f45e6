"""Row-major views of channels-last parameters: an optimiser that steps them does what it does to the parameters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from fastssl.training.memory_order import MemoryOrder

OPTIMIZERS = [
    pytest.param(lambda p, fused: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, fused=fused), id="sgd"),
    pytest.param(lambda p, fused: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, fused=fused), id="adamw"),
]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(5, 4, 1), nn.Flatten(), nn.Linear(64, 2))
    return layers.to(memory_format=torch.channels_last)


def backward(layers: nn.Sequential, seed: int) -> None:
    images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    layers(images.to(memory_format=torch.channels_last)).pow(2).mean().backward()


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_steps_on_views_are_steps_on_the_parameters(make: Callable[..., torch.optim.Optimizer]) -> None:
    ours, plain = network(), network()
    order = MemoryOrder(ours.parameters())
    on_views, on_parameters = make(order.views, True), make(list(plain.parameters()), False)
    for seed in range(3):
        backward(ours, seed)
        order.hand_over_gradients()
        on_views.step()
        on_views.zero_grad()
        backward(plain, seed)
        on_parameters.step()
        on_parameters.zero_grad()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_only_channels_last_filters_are_turned_and_no_view_copies() -> None:
    layers = network()
    order = MemoryOrder(layers.parameters())
    assert [view is parameter for view, parameter in zip(order.views, order.parameters, strict=True)] == [
        False,  # the weight of a 3x3 kernel
        *[True] * 5,  # its bias, a 1x1 kernel, whose two orders are one, and what has no pixels
    ]
    assert all(view.is_contiguous() for view in order.views)
    assert [view.data_ptr() for view in order.views] == [parameter.data_ptr() for parameter in order.parameters]


def test_gradients_move_over_and_leave_none_behind() -> None:
    layers = network()
    order = MemoryOrder(layers.parameters())
    backward(layers, 0)
    expected = layers[0].weight.grad.permute(0, 2, 3, 1).clone()
    order.hand_over_gradients()
    assert torch.equal(order.views[0].grad, expected)
    assert layers[0].weight.grad is None
    assert layers[3].weight.grad is not None
    order.hand_over_gradients()  # of a step in which the filter took no part
    assert order.views[0].grad is None


def test_state_is_kept_in_the_shape_of_the_parameter() -> None:
    layers = network()
    order = MemoryOrder(layers.parameters())
    moment, count = torch.randn_like(layers[0].weight), torch.tensor(3.0)
    stored = order.to_memory(0, moment)
    assert stored.shape == order.views[0].shape
    assert stored.is_contiguous()
    assert torch.equal(order.from_memory(0, stored), moment)
    assert order.to_memory(0, count) is count
    assert order.from_memory(0, count) is count
