"""Pools of processes, each made when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.distributed.pool import RankPool


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], RankPool]]:
    """`ranks(4)(function, ...)` calls a function on four processes of one group."""
    made: list[RankPool] = []

    @cache
    def pool(size: int) -> RankPool:
        store: Path = tmp_path_factory.mktemp("ranks") / f"store-{size}"
        made.append(RankPool(size, store))
        return made[-1]

    yield pool
    for one in made:
        one.close()
