"""Tensors that processes exchange in a step.

Covers: rows gathered from all processes, with their gradients; rows dealt out anew; means of metrics. Each is the
identity where there is one process, and one opaque operator for `torch.compile`. Does not cover: gradients of weights
(PyTorch's DistributedDataParallel), decisions (`agreement.py`). With NCCL not yet run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, distributed

from fastssl.distributed.world import world

# Renamed in torch 2.14.
_all_gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Put the rows of all processes one after the other, by rank.

    The gradient of each process's own rows is the sum over all processes of the gradients of these rows.

    Args:
        rows: `[B, ...]`, of the same shape on every process.

    Returns:
        `[size * B, ...]`, equal bits on every process; `rows` itself where there is one process.
    """
    here = world()
    return rows if here.size == 1 else torch.ops.fastssl.gather_rows(rows, here.rank, here.size)


def gather_views(rows: Tensor, views: int = 2) -> Tensor:
    """Gather the embeddings of several views of a batch: all of the first view, then all of the second, and so on.

    Args:
        rows: `[views * B, D]`, view after view.
        views: how many there are.

    Returns:
        `[views * size * B, D]`, view after view, samples by rank; `rows` itself where there is one process.
    """
    if world().size == 1:
        return rows
    by_sample = rows.unflatten(0, (views, -1)).transpose(0, 1).contiguous()
    return gather_rows(by_sample).transpose(0, 1).flatten(0, 1)


def gather_statistics(rows: Tensor, ranks: int) -> Tensor:
    """Gather rows within a block of consecutive ranks.

    Args:
        rows: `[B, ...]`.
        ranks: in a block; divides the number of processes.

    Returns:
        `[ranks * B, ...]`, with gradients as of `gather_rows`.
    """
    return torch.ops.fastssl.gather_rows(rows, world().rank % ranks, ranks)


def deal_rows(rows: Tensor, groups: int) -> Tensor:
    """Reorder the batch of all processes as cards are dealt: sample i goes to group i mod `groups`.

    Args:
        rows: `[B, ...]`, this process's part of the batch: consecutive samples, by rank. No gradient goes through.
        groups: a divisor of `size * B`, over which the samples are dealt; groups lie one after the other, and each
            process gets as many samples as it gave.

    Returns:
        `[B, ...]`, images channels-last.
    """
    here = world()
    return torch.ops.fastssl.deal_rows(rows, groups, here.rank, here.size)


def gather_uneven(rows: Tensor, counts: list[int]) -> Tensor:
    """Put the rows of all processes one after the other, where they have different numbers of them.

    Args:
        rows: `[counts[rank], ...]`.
        counts: rows of each process.

    Returns:
        `[sum(counts), ...]`, by rank.
    """
    if world().size == 1:
        return rows
    padded = rows.new_zeros((max(counts), *rows.shape[1:]))
    padded[: len(rows)] = rows
    parts = gather_rows(padded).split(max(counts))
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def own_rows(rows: Tensor) -> Tensor:
    """Take this process's part of rows that were gathered.

    Args:
        rows: `[size * B, ...]`, by rank.

    Returns:
        `[B, ...]`.
    """
    here = world()
    return rows if here.size == 1 else rows.unflatten(0, (here.size, -1))[here.rank]


def average_metrics(metrics: dict[str, Tensor]) -> dict[str, Tensor]:
    """Average scalars over all processes, in one exchange.

    Args:
        metrics: scalars on the device, by name; the same names on every process.

    Returns:
        Their means, float32; `metrics` itself where there is one process.
    """
    size = world().size
    if size == 1:
        return metrics
    values = torch.stack([value.detach().float() for value in metrics.values()])
    distributed.all_reduce(values)
    return dict(zip(metrics, (values / size).unbind(), strict=True))


def average_(tensors: list[Tensor]) -> None:
    """Replace tensors by their means over all processes, in one exchange.

    Args:
        tensors: of one dtype and device, of the same shapes on every process.
    """
    if tensors and world().size > 1:
        joined = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(joined)
        joined /= world().size
        for tensor, mean in zip(tensors, joined.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def _group_of(ranks: int) -> Any:
    """This process's group of so many consecutive ranks. Asked for inside operators alone, which no compiler traces."""
    whole: Any = distributed.group.WORLD
    return whole if ranks == distributed.get_world_size() else block_group(whole, ranks)


@lru_cache(maxsize=8)
def block_group(whole: Any, ranks: int) -> Any:
    """Make the process groups of consecutive ranks; every process has to call it, in the same order.

    Args:
        whole: the group of all processes.
        ranks: in a group; divides the number of processes.

    Returns:
        This process's group.
    """
    blocks = [list(range(first, first + ranks)) for first in range(0, whole.size(), ranks)]
    groups = [distributed.new_group(block) for block in blocks]
    return groups[whole.rank() // ranks]


@torch.library.custom_op("fastssl::gather_rows", mutates_args=())
def _gather_rows(rows: Tensor, rank: int, size: int) -> Tensor:
    gathered = rows.new_empty((size * rows.shape[0], *rows.shape[1:]))
    _all_gather(gathered, rows.contiguous(), group=_group_of(size))
    return gathered


@_gather_rows.register_fake
def _(rows: Tensor, rank: int, size: int) -> Tensor:
    return rows.new_empty((size * rows.shape[0], *rows.shape[1:]))


@torch.library.custom_op("fastssl::sum_own_rows", mutates_args=())
def _sum_own_rows(rows: Tensor, rank: int, size: int) -> Tensor:
    total = rows.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total, group=_group_of(size))
    return total.unflatten(0, (size, -1))[rank].clone()


@_sum_own_rows.register_fake
def _(rows: Tensor, rank: int, size: int) -> Tensor:
    return rows.new_empty((rows.shape[0] // size, *rows.shape[1:]))


def _keep_place(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: Tensor) -> None:
    _, ctx.rank, ctx.size = inputs  # type: ignore[attr-defined]


def _gather_backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None]:
    return torch.ops.fastssl.sum_own_rows(gradient, ctx.rank, ctx.size), None, None  # type: ignore[attr-defined]


_gather_rows.register_autograd(_gather_backward, setup_context=_keep_place)


@torch.library.custom_op("fastssl::deal_rows", mutates_args=())
def _deal_rows(rows: Tensor, groups: int, rank: int, size: int) -> Tensor:
    image = rows.ndim == 4
    flat = (rows.permute(0, 2, 3, 1) if image else rows).reshape(rows.shape[0], -1)
    sent, counts_sent, counts_taken, places = _dealing(rows.shape[0], groups, rank, size)
    taken = torch.empty_like(flat)
    distributed.all_to_all_single(taken, flat[sent.to(flat.device)], counts_taken, counts_sent)
    dealt = torch.empty_like(flat)
    dealt[places.to(flat.device)] = taken
    if not image:
        return dealt.view(rows.shape)
    count, channels, height, width = rows.shape
    return dealt.view(count, height, width, channels).permute(0, 3, 1, 2)


@_deal_rows.register_fake
def _(rows: Tensor, groups: int, rank: int, size: int) -> Tensor:
    if rows.ndim == 4:
        return rows.new_empty(rows.shape).contiguous(memory_format=torch.channels_last)
    return rows.new_empty(rows.shape)


@lru_cache(maxsize=8)
def _dealing(count: int, groups: int, rank: int, size: int) -> tuple[Tensor, list[int], list[int], Tensor]:
    """How a process deals its samples.

    Args:
        count: samples of each process.
        groups: as of `deal_rows`.
        rank: of this process.
        size: how many there are.

    Returns:
        Its samples in the order in which they are sent, how many go to each process, how many come from each, and the
        places of those that come, which arrive by rank and then in the order of the groups.
    """
    order = torch.arange(size * count).view(-1, groups).T.reshape(size, count)  # row: the samples that a process gets
    owner = order // count
    sent = [order[target][owner[target] == rank] - rank * count for target in range(size)]
    taken = [(owner[rank] == source).nonzero()[:, 0] for source in range(size)]
    return torch.cat(sent), [len(own) for own in sent], [len(own) for own in taken], torch.cat(taken)
