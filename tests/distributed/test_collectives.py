"""What processes exchange: rows gathered with their gradients, rows dealt anew, means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from fastssl.distributed.collectives import (
    average_,
    average_metrics,
    deal_rows,
    gather_rows,
    gather_views,
    own_rows,
)
from fastssl.distributed.world import ALONE, world
from fastssl.models.normalization import deal, undeal


def whole_batch(count: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32))


def own_part(whole: Tensor) -> Tensor:
    here = world()
    return whole.chunk(here.size)[here.rank]


def gathered_with_gradient() -> tuple[list, list]:
    own = own_part(whole_batch(8, 3)).double().requires_grad_()
    gathered = gather_rows(own)
    weights = torch.arange(24, dtype=torch.float64).view(8, 3) * (world().rank + 1)  # another loss on every rank
    (gathered * weights).sum().backward()
    return gathered.tolist(), own.grad.tolist()


def test_rows_are_gathered_by_rank_and_gradients_summed_over_all_losses(ranks: Callable) -> None:
    results = ranks(4)(gathered_with_gradient)
    gradient = np.arange(24).reshape(8, 3) * (1 + 2 + 3 + 4)
    for rank, (rows, own) in enumerate(results):
        np.testing.assert_array_equal(rows, whole_batch(8, 3).double().numpy())
        np.testing.assert_array_equal(own, gradient[2 * rank : 2 * rank + 2])


def views() -> list:
    first, second = own_part(whole_batch(8, 3)), own_part(whole_batch(8, 3) + 100)
    return gather_views(torch.cat([first, second])).tolist()


def test_views_are_gathered_one_after_the_other(ranks: Callable) -> None:
    expected = torch.cat([whole_batch(8, 3), whole_batch(8, 3) + 100]).tolist()
    assert ranks(4)(views) == [expected] * 4


def dealt(count: int, groups: int, channels_last: bool) -> tuple[list, bool]:
    images = own_part(whole_batch(count, 2, 3, 3).bfloat16())
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    moved = deal_rows(images, groups)
    return moved.float().tolist(), moved.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("count", "groups"), [(16, 4), (16, 2), (24, 12), (24, 8), (16, 16), (16, 1)])
def test_images_are_dealt_over_processes_as_over_groups_of_one_batch(ranks: Callable, count: int, groups: int) -> None:
    """For groups of one process and groups of several, also where a process does not send equally many to each."""
    expected = deal(whole_batch(count, 2, 3, 3).bfloat16(), groups).float()
    results = ranks(4)(dealt, count, groups, groups == 4)
    assert torch.equal(torch.cat([torch.tensor(rows) for rows, _ in results]), expected)
    assert all(channels_last for _, channels_last in results)


def dealt_and_back() -> list:
    own = own_part(whole_batch(24, 5))
    return undeal(gather_rows(deal(own, 8)), 8).tolist()


def test_what_is_dealt_and_gathered_comes_back_in_order(ranks: Callable) -> None:
    assert ranks(4)(dealt_and_back) == [whole_batch(24, 5).tolist()] * 4


def own_of_gathered() -> bool:
    own = own_part(whole_batch(8, 3))
    return torch.equal(own_rows(gather_rows(own)), own)


def test_own_rows_are_found_again(ranks: Callable) -> None:
    assert ranks(4)(own_of_gathered) == [True] * 4


def means() -> tuple[dict, list]:
    rank = world().rank
    metrics = average_metrics({"loss": torch.tensor(float(rank)), "units": torch.tensor(rank * 2)})
    tensors = [torch.full((2, 2), float(rank)), torch.tensor(rank * 3.0)]
    average_(tensors)
    return {name: value.item() for name, value in metrics.items()}, [tensor.mean().item() for tensor in tensors]


def test_metrics_and_statistics_are_means_over_processes(ranks: Callable) -> None:
    assert ranks(4)(means) == [({"loss": 1.5, "units": 3.0}, [1.5, 4.5])] * 4


def test_one_process_exchanges_nothing() -> None:
    rows = torch.zeros(4, 2)
    assert world() == ALONE
    assert gather_rows(rows) is rows
    assert gather_views(rows) is rows
    assert own_rows(rows) is rows


def gathered_compiled() -> list:
    @torch.compile(fullgraph=True, backend="aot_eager")
    def loss(own: Tensor) -> Tensor:
        return (gather_rows(own) ** 2).sum()

    own = own_part(whole_batch(8, 3)).requires_grad_()
    loss(own).backward()
    return own.grad.tolist()


def test_a_gather_is_part_of_a_compiled_graph(ranks: Callable) -> None:
    gradients = torch.cat([torch.tensor(rows) for rows in ranks(2)(gathered_compiled)])
    torch.testing.assert_close(gradients, 2 * 2 * whole_batch(8, 3))
