"""Meeting the other processes, and leaving them.

Covers: starting PyTorch's process group as torchrun or srun have it, watching the others meanwhile, ending it. Does not
cover: starting processes (`launch.py`). With NCCL not yet run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from fastssl.distributed.collectives import block_group
from fastssl.distributed.environment import Launched, launched
from fastssl.distributed.watch import Watch
from fastssl.distributed.world import World, world
from fastssl.errors import ConfigError, LostPeerError

EXCHANGE_LIMIT = timedelta(minutes=30)
"""Of one exchange between processes that are all there: the first step of one may take that long to compile."""


@contextmanager
def joined(device: str, patience: float) -> Iterator[World]:
    """Train with the processes that were started together with this one, inside the block.

    Nothing is done where this process was started alone, or where the process group is there already.

    Args:
        device: that is asked for, "auto", "cpu", "mps", "cuda" or "cuda:N"; a GPU is that of the process's number
            on its machine.
        patience: seconds without a sign of life after which a process is taken to be gone.

    Yields:
        This process's place.

    Raises:
        ConfigError: one GPU is asked for by its number, or Apple's, or this machine has fewer than processes.
        LostPeerError: another process is gone; it is named.
    """
    place = None if distributed.is_available() and distributed.is_initialized() else launched()
    if place is None:
        yield world()
        return
    on_cuda = _choose_gpu(device, place)
    _meet(place, on_cuda)
    here = World(place.rank, place.size)
    try:
        with Watch(own_store("watch"), here, patience):
            yield here
            distributed.barrier()  # gloo aborts a process whose neighbour has left in the middle of its own leaving
        distributed.destroy_process_group()
    finally:
        block_group.cache_clear()


def own_store(prefix: str) -> Any:
    """Make a connection of its own to the store through which the processes met.

    Args:
        prefix: of its keys.

    Returns:
        A `torch.distributed.Store`.
    """
    store = distributed.distributed_c10d._get_default_store()
    return distributed.PrefixStore(f"fastssl/{prefix}", store.clone())


def _choose_gpu(device: str, place: Launched) -> bool:
    """Make this process's GPU the current one; False where it computes on the CPU."""
    if device.startswith("cuda:"):
        raise ConfigError([f"device={device!r}: {place.size} processes cannot share one GPU; give --device cuda"])
    if device == "mps":
        raise ConfigError([f"device='mps': {place.size} processes cannot share the Apple GPU; start one process"])
    if device not in ("auto", "cuda") or not torch.cuda.is_available():
        return False
    found = torch.cuda.device_count()
    if place.local_size > found:
        raise ConfigError([f"{place.local_size} processes were started on a machine of {found} GPU(s); start {found}"])
    torch.cuda.set_device(place.local_rank)
    return True


def _meet(place: Launched, on_cuda: bool) -> None:
    here = f"tcp://{place.address}:{place.port}"
    try:
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
            init_method="env://" if place.by == "torchrun" else here,
            rank=place.rank,
            world_size=place.size,
            timeout=EXCHANGE_LIMIT,
            device_id=torch.device("cuda", place.local_rank) if on_cuda else None,
        )
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LostPeerError(f"{place.size} processes did not meet at {place.address}:{place.port} ({reason})") from None
