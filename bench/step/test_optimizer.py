"""A fused optimiser's step on a ResNet-18's parameters, channels-last: on views in the order of memory and without.

Covers: SGD with momentum and AdamW, on a CPU, where the views are made (`fastssl.training.memory_order`).
Does not cover: GPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from bench.harness import Comparison
from fastssl.models.encoder import create_encoder
from fastssl.training.memory_order import MemoryOrder

OPTIMIZERS = {
    "SGD": partial(torch.optim.SGD, lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True),
    "AdamW": partial(torch.optim.AdamW, lr=1e-3, fused=True),
}


def step(make: Callable[..., torch.optim.Optimizer], *, views: bool) -> Callable[[], object]:
    """A call that steps on gradients that are there again each time."""
    encoder = create_encoder("resnet18", 1, 28, seed=0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    order = MemoryOrder(encoder.parameters())
    optimizer = make(order.views if views else order.parameters)
    gradients = [torch.randn_like(parameter) for parameter in order.parameters]

    def call() -> None:
        for parameter, gradient in zip(order.parameters, gradients, strict=True):
            assert isinstance(parameter, nn.Parameter)
            parameter.grad = gradient
        if views:
            order.hand_over_gradients()
        optimizer.step()

    return call


@pytest.mark.benchmark(max_time=0.5)
@pytest.mark.parametrize("name", ["SGD", pytest.param("AdamW", marks=pytest.mark.full)])
def test_one_step(name: str, compare: Comparison) -> None:
    variants = {
        "fastssl, memory's order": step(OPTIMIZERS[name], views=True),
        "torch, fused": step(OPTIMIZERS[name], views=False),
    }
    compare(f"{name} of a ResNet-18, channels-last", variants, device="cpu")
