"""This process's place among those that train together.

Covers: rank and number of processes, also where another program has started PyTorch's process group. Does not cover:
starting it (`join.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import distributed


class World(NamedTuple):
    """The processes that train together, as one of them sees them; a tuple, which `torch.compile` reads as constants.

    Args:
        rank: number of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks for all."""
        return self.rank == 0


ALONE = World()

_on_its_own = False


def world() -> World:
    """Look up this process's place.

    Returns:
        It; `ALONE` where no process group was started, and inside `on_its_own`.
    """
    if _on_its_own or not distributed.is_available() or not distributed.is_initialized():
        return ALONE
    return World(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def on_its_own() -> Iterator[None]:
    """Work inside the block as if there were no other process: whatever is computed there exchanges nothing.

    Yields:
        Nothing.
    """
    global _on_its_own
    before, _on_its_own = _on_its_own, True
    try:
        yield
    finally:
        _on_its_own = before
