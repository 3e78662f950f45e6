"""Gradients averaged over processes by PyTorch's DistributedDataParallel.

Covers: wrapping what a step computes, gradients accumulated over parts of a batch, compressed exchange. Does not cover:
what else processes exchange in a step (`fastssl.distributed.collectives`). With NCCL not yet run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from inspect import signature
from typing import Any

from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook
from torch.nn.parallel import DistributedDataParallel

from fastssl.distributed.world import world
from fastssl.stages.stage import Batch

# Renamed in torch 2.14.
_BUFFERS_LEFT_ALONE: dict[str, Any] = {
    "forward_sync_buffers"
    if "forward_sync_buffers" in signature(DistributedDataParallel.__init__).parameters
    else "broadcast_buffers": False
}


@dataclass(frozen=True, kw_only=True)
class GradientSettings:
    """How the gradient of a step comes together.

    Args:
        accumulate: parts of a process's batch that go through the network one after the other.
        compress: processes exchange gradients as bf16, half the bytes; sums of several are then rounded to 8 bits.
    """

    accumulate: int = 1
    compress: bool = False


def data_parallel(network: nn.Module, gradients: GradientSettings, *, alternates: bool) -> nn.Module:
    """Have every backward pass average the gradients of all processes, while it goes on.

    Weights become those of rank 0. Buffers are left alone: stages keep them equal themselves.

    Args:
        network: on its device; its forward pass is that of one step, or of a part of its batch.
        gradients: how they come together.
        alternates: steps use different parts of it, as one of several heads.

    Returns:
        The wrapped network; `network` itself where there is one process.
    """
    if world().size == 1:
        return network
    wrapped = DistributedDataParallel(
        network,
        **_BUFFERS_LEFT_ALONE,
        gradient_as_bucket_view=True,
        find_unused_parameters=alternates,
        static_graph=not alternates,  # also of an encoder with weights that no step uses: it finds them once
    )
    # Of 1x1 convolutions, whose strides mean nothing: they are copied into their bucket all the same.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    if gradients.compress:
        wrapped.register_comm_hook(None, bf16_compress_hook)
    return wrapped


def without_exchange(network: nn.Module) -> AbstractContextManager[object]:
    """Keep gradients to this process inside the block: they are exchanged with those of the next pass outside.

    Args:
        network: as `data_parallel` returned it.

    Returns:
        A context for a forward pass and its backward pass.
    """
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()


def parts_of(batch: Batch, count: int) -> Iterator[Batch]:
    """Divide a batch.

    Args:
        batch: tensors `[B, ...]` by name.
        count: of parts; divides B.

    Yields:
        Each part: tensors `[B / count, ...]`, consecutive samples.
    """
    if count == 1:
        yield batch
        return
    size = len(next(iter(batch.values()))) // count
    for first in range(0, count * size, size):
        yield {name: tensor[first : first + size] for name, tensor in batch.items()}
