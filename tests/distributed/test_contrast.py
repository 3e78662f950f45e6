"""NT-Xent of several processes: the loss and the gradient of one process that has all embeddings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fastssl.distributed.contrast import shared_nt_xent
from fastssl.distributed.world import world
from fastssl.kernels import nt_xent


def whole(count: int = 16) -> Tensor:
    """Two views of `count` samples, view after view; float64, so that only an error could show."""
    return torch.randn(2 * count, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def own_part(values: Tensor) -> Tensor:
    here = world()
    return torch.cat([view.chunk(here.size)[here.rank] for view in values.chunk(2)])


def shared(temperature: float, dtype: torch.dtype, compiled: bool) -> tuple[float, list]:
    loss_of = torch.compile(shared_nt_xent, fullgraph=True, backend="aot_eager") if compiled else shared_nt_xent
    embeddings = own_part(whole()).to(dtype).requires_grad_()
    loss = loss_of(3 * embeddings, temperature)
    (2 * loss).backward()
    return loss.item(), embeddings.grad.double().tolist()


@pytest.mark.parametrize(("temperature", "compiled"), [(0.1, False), (0.5, True)])
def test_the_loss_is_that_of_all_and_gradients_are_those_of_the_sum_of_losses(
    ranks: Callable, temperature: float, compiled: bool
) -> None:
    values = whole().requires_grad_()
    expected = nt_xent(3 * values, temperature)
    (2 * expected).backward()
    results = ranks(4)(shared, temperature, torch.float64, compiled)
    assert [loss for loss, _ in results] == pytest.approx([expected.item()] * 4, rel=1e-12)
    by_rank = [torch.tensor(gradient, dtype=torch.float64).chunk(2) for _, gradient in results]
    joined = torch.cat([torch.cat(views) for views in zip(*by_rank, strict=True)])
    torch.testing.assert_close(joined, 4 * values.grad)  # each of four processes has this loss


def test_half_precision_is_rounded_once(ranks: Callable) -> None:
    expected = nt_xent(3 * whole().bfloat16(), 0.2).item()
    results = ranks(2)(shared, 0.2, torch.bfloat16, False)
    assert [loss for loss, _ in results] == pytest.approx([expected] * 2, rel=1e-5)


def second_derivative() -> str:
    embeddings = own_part(whole()).requires_grad_()
    with pytest.raises(RuntimeError, match="has no second derivative") as caught:
        torch.autograd.grad(shared_nt_xent(embeddings, 0.1), embeddings, create_graph=True)
    return str(caught.value)


def test_a_second_derivative_is_refused_and_not_left_out(ranks: Callable) -> None:
    assert len(set(ranks(2)(second_derivative))) == 1
