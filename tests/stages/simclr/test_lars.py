"""LARS against Algorithm 1 of its paper in NumPy in fp64, and against timm's where the two are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from timm.optim import Lars
from torch import Tensor, nn

from fastssl.stages.simclr.lars import LARS

SHAPES = [(4, 3, 3, 3), (5, 6), (5,)]  # a filter, a matrix, a bias
RATES = (0.5, 1.0, 0.7, 0.2)


def values(seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=shape) for shape in SHAPES]


def parameters(**options: object) -> list[nn.Parameter]:
    return [nn.Parameter(torch.from_numpy(value).to(**options)) for value in values(0)]


def groups(weights: Sequence[Tensor]) -> list[dict[str, object]]:
    """As SimCLR has it: the bias is neither decayed nor adapted."""
    return [{"params": weights[:2]}, {"params": weights[2:], "weight_decay": 0.0, "adapt": False}]


def algorithm_1(rates: Sequence[float], *, m: float, eta: float, beta: float) -> list[np.ndarray]:
    """You et al., Algorithm 1, one layer at a time; the last layer with the local rate 1 and no decay."""
    w, v = values(0), [np.zeros(shape) for shape in SHAPES]
    for step, gamma in enumerate(rates):
        for layer, g in enumerate(values(step + 1)):
            b = beta if layer < 2 else 0.0
            norm = np.sqrt((w[layer] ** 2).sum())
            local = eta * norm / (np.sqrt((g**2).sum()) + b * norm) if layer < 2 else 1.0
            v[layer] = m * v[layer] + gamma * local * (g + b * w[layer])
            w[layer] = w[layer] - v[layer]
    return w


def run(optimizer: torch.optim.Optimizer, weights: Sequence[Tensor], rates: Sequence[float | Tensor]) -> None:
    for step, rate in enumerate(rates):
        for weight, gradient in zip(weights, values(step + 1), strict=True):
            weight.grad = torch.from_numpy(gradient).to(weight)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()


@pytest.mark.parametrize("as_tensor", [False, True])
def test_it_is_the_published_update_while_the_rate_changes(as_tensor: bool) -> None:
    weights = parameters()
    rates = [torch.tensor(rate, dtype=torch.float64) for rate in RATES] if as_tensor else RATES
    run(LARS(groups(weights), lr=9.0, momentum=0.8, weight_decay=0.3, trust=0.02), weights, rates)
    expected = algorithm_1(RATES, m=0.8, eta=0.02, beta=0.3)
    for weight, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), value, rtol=1e-12, atol=1e-14)


def test_at_one_rate_it_is_timms() -> None:
    ours, theirs = parameters(), parameters()
    run(LARS(ours, lr=0.5, weight_decay=0.1), ours, [0.5] * 4)
    run(Lars(theirs, lr=0.5, momentum=0.9, weight_decay=0.1, trust_coeff=0.001, eps=0.0), theirs, [0.5] * 4)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_a_zero_weight_or_gradient_has_the_ratio_1() -> None:
    zero, still = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))
    zero.grad, still.grad = torch.full((3,), 2.0), torch.zeros(3)
    LARS([zero, still], lr=0.5, weight_decay=0.1).step()
    assert zero.tolist() == [-1.0] * 3
    torch.testing.assert_close(still.detach(), torch.full((3,), 1 - 0.5 * 0.1))


def test_a_filter_that_lies_channels_last_takes_the_same_steps() -> None:
    plain, turned = parameters(), parameters()
    turned[0].data = turned[0].data.to(memory_format=torch.channels_last)
    for weights in (plain, turned):
        run(LARS(groups(weights), lr=1.0, weight_decay=0.1), weights, RATES)
    torch.testing.assert_close(turned[0], plain[0], rtol=1e-12, atol=0)
    assert turned[0].is_contiguous(memory_format=torch.channels_last)


def test_gradients_are_left_as_they_are_and_what_has_none_does_not_move() -> None:
    moved, still = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    moved.grad = torch.full((3,), 0.5)
    optimizer = LARS([{"params": [moved, still]}, {"params": [nn.Parameter(torch.ones(2))]}], lr=1.0, weight_decay=0.1)
    optimizer.step()
    assert moved.grad.tolist() == [0.5] * 3
    assert still.tolist() == [1.0] * 3
    assert list(optimizer.state) == [moved]


def test_the_host_reads_no_value_even_where_the_rate_is_a_tensor() -> None:
    """On the meta device there is none to read: reading one raises."""
    weights = [nn.Parameter(torch.empty(shape, device="meta")) for shape in SHAPES]
    rate = torch.empty((), device="meta")
    with pytest.raises(RuntimeError, match="meta"):
        rate.item()
    run(LARS(groups(weights), lr=1.0, weight_decay=0.1), weights, [rate] * 3)


@pytest.mark.gpu
def test_on_a_gpu_a_step_can_be_replayed() -> None:
    weights = parameters(device="cuda")
    optimizer = LARS(groups(weights), lr=1.0, momentum=0.8, weight_decay=0.3, trust=0.02)
    rate = torch.tensor(RATES[0], device="cuda", dtype=torch.float64)
    run(optimizer, weights, [rate])
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()
    for step, value in enumerate(RATES[1:], start=2):
        rate.fill_(value)
        for weight, gradient in zip(weights, values(step), strict=True):
            weight.grad.copy_(torch.from_numpy(gradient))
        graph.replay()
    expected = algorithm_1(RATES, m=0.8, eta=0.02, beta=0.3)
    for weight, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight.detach().cpu().numpy(), value, rtol=1e-10)


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    weight = nn.Parameter(torch.ones(2))

    def closure() -> Tensor:
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert LARS([weight], lr=1.0).step(closure).item() == 2.0
    assert weight.tolist() == pytest.approx([1 - 0.001 / 2 * 2] * 2)  # the ratio is 0.001 |w| / |2 w|, the gradient 2 w
