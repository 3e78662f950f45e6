"""A run's folder as the own of those who train there: one process, or several.

Covers: checking that it may be had, its lock, clearing what a killed process left. Does not cover: the folder
(`run_folder.py`), the lock (`run_lock.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastssl.distributed.leader import leader_here
from fastssl.distributed.world import world
from fastssl.training.run_folder import clear_folder
from fastssl.training.run_lock import run_lock


@contextmanager
def owned(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Own a folder inside the block; of several processes the one of rank 0 holds the lock for all.

    Args:
        folder: of a run or a recipe.
        check: raises ConfigError or CheckpointError where nothing may begin or go on there; called before anything is
            touched, and once more under the lock.

    Yields:
        Nothing.

    Raises:
        ConfigError: somebody else trains there, or as `check` does; nothing was changed.
        OSError: the disk is full.
    """
    if not world().leads:
        leader_here()
        yield
        return
    check()
    with run_lock(folder):
        clear_folder(folder)
        check()
        leader_here()
        yield
