"""Work that one process does for all: on files, on the clock.

Covers: the others waiting for it, for as long as it takes, and getting its result. Does not cover: work on tensors
(`collectives.py`).

They wait through the store and not in an exchange of tensors, which has a time limit: decoding a folder may take hours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

from torch import distributed

from fastssl.distributed.world import local_rank, world

T = TypeVar("T")

SHORTEST, LONGEST = 0.01, 0.2
"""Seconds from one look for the result to the next, at first and later."""

_numbers = count()
"""Of pieces of work; every process counts them alike."""


def by_leader(work: Callable[[], T]) -> T:
    """Do work in the process of rank 0 alone.

    Args:
        work: returns what JSON knows.

    Returns:
        What it returned, on every process, once it is done.

    Raises:
        RuntimeError: on another process, where rank 0 has ended; `Watch` makes it a line that says so.
    """
    here = world()
    if here.size == 1:
        return work()
    key = f"leader/{next(_numbers)}"
    if here.leads:
        try:
            result = work()
        except BaseException:
            _store().set(key, json.dumps({"failed": True}))
            raise
        _store().set(key, json.dumps({"result": result}))
        return result
    told = json.loads(_awaited(key))
    if "failed" in told:
        raise RuntimeError("rank 0, a peer, has ended by an error")
    found: T = told["result"]
    return found


def everyone_here() -> None:
    """Wait for all processes to come here, each in its time."""
    here, number = world(), next(_numbers)
    if here.size > 1:
        _store().set(f"here/{number}/{here.rank}", "")
        for rank in range(here.size):
            _awaited(f"here/{number}/{rank}")


def leader_here() -> None:
    """Wait for the process of rank 0 to come here."""
    by_leader(lambda: None)


@contextmanager
def first_on_each_machine() -> Iterator[None]:
    """Let the first process of each machine through, and the others once it has left the block.

    For work whose result is found on disk by whoever does it a second time.

    Yields:
        Nothing.
    """
    if world().size == 1:
        yield
        return
    number, machine = next(_numbers), world().rank - local_rank()
    key = f"machine/{number}/{machine}"
    if local_rank() != 0:
        _awaited(key)
    yield
    if local_rank() == 0:
        _store().set(key, "done")


def _awaited(key: str) -> bytes:
    """The value of a key, once it is there."""
    store, pause = _store(), SHORTEST
    while not store.check([key]):
        if store.check(["fastssl/watch/gone"]):
            raise RuntimeError("a peer is gone")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST)
    return store.get(key)


def _store() -> distributed.Store:
    return distributed.distributed_c10d._get_default_store()
