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
from socket import gethostname
from typing import Any, TypeVar

from torch import distributed

from fastssl.distributed.world import world

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
        with _telling_of_failure(key):
            result = work()
        _store().set(key, json.dumps({"result": result}))
        return result
    found: T = _told(key, of=0)
    return found


def everyone_here() -> None:
    """Wait for all processes to come here, each in its time."""
    _of_everyone("")


def on_all(holds: bool) -> bool:
    """Tell whether something holds on every process, as that a file is there; waits for all to come here.

    Args:
        holds: whether it does on this one.

    Returns:
        Whether it does on all; the same on every process.
    """
    return all(json.loads(told) for told in _of_everyone(json.dumps(holds)))


def leader_here() -> None:
    """Wait for the process of rank 0 to come here."""
    by_leader(lambda: None)


@contextmanager
def first_on_each_machine() -> Iterator[None]:
    """Let the process of the lowest rank on each machine through, and the others once it has left the block.

    For work whose result is found on disk by whoever does it a second time. Machines are told apart by their names.

    Yields:
        Nothing.

    Raises:
        RuntimeError: on another process, where the first has ended; `Watch` makes it a line that says so.
    """
    here = world()
    if here.size == 1:
        yield
        return
    machines = _of_everyone(gethostname())
    first = machines.index(machines[here.rank])
    key = f"machine/{next(_numbers)}/{first}"
    if here.rank != first:
        _told(key, of=first)
        yield
        return
    with _telling_of_failure(key):
        yield
    _store().set(key, json.dumps({"result": None}))


@contextmanager
def _telling_of_failure(key: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _store().set(key, json.dumps({"failed": True}))
        raise


def _told(key: str, *, of: int) -> Any:
    """The result that the process of rank `of` tells."""
    told = json.loads(_awaited(key))
    if "failed" in told:
        raise RuntimeError(f"rank {of}, a peer, has ended by an error")
    return told["result"]


def _of_everyone(text: str) -> list[str]:
    """What each process says, by rank; rank 0 collects it, so that the store is asked 2N times and not N times N."""
    here = world()
    if here.size == 1:
        return [text]
    key = f"each/{next(_numbers)}"
    _store().set(f"{key}/{here.rank}", text)
    return by_leader(lambda: [_awaited(f"{key}/{rank}").decode() for rank in range(here.size)])


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
