"""A quick version of `make soak`, and that a leak would be found."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from fastssl.pipelines.executors.executor import dali_installed

from .long_use import ALLOWED_BYTES, Growth, Usage, rebuild_loaders, train_for

GIBIBYTE = 1 << 30


@pytest.fixture(scope="module", autouse=True)
def only_what_is_new_is_collected() -> None:
    """Each look collects garbage, which takes 0.2 s where everything imported is looked at."""
    gc.collect()
    gc.freeze()


@pytest.mark.parametrize(
    ("executor", "count"),
    [("torch", 40), pytest.param("dali", 12, marks=pytest.mark.skipif(not dali_installed(), reason="needs DALI"))],
)
def test_loaders_leave_nothing_behind(executor: str, count: int) -> None:
    growth = rebuild_loaders(count, executor)
    assert not growth.drifted, str(growth)


@pytest.mark.slow
def test_a_training_holds_no_more_at_its_end(tmp_path: Path) -> None:
    growth = train_for(40, tmp_path)
    assert growth.late.rate > 0
    assert growth.late.memory - growth.early.memory <= ALLOWED_BYTES
    assert growth.late.handles <= growth.early.handles


@pytest.mark.parametrize(
    "late",
    [
        Usage(memory=GIBIBYTE + 2 * ALLOWED_BYTES, handles=9, threads=3, rate=100.0),
        Usage(memory=GIBIBYTE, handles=10, threads=3, rate=100.0),
        Usage(memory=GIBIBYTE, handles=9, threads=4, rate=100.0),
        Usage(memory=GIBIBYTE, handles=9, threads=3, rate=70.0),
    ],
    ids=["memory", "handles", "threads", "throughput"],
)
def test_what_grows_is_found(late: Usage) -> None:
    early = Usage(memory=GIBIBYTE, handles=9, threads=3, rate=100.0)
    assert not Growth.of([early] * 8).drifted
    assert Growth.of([early] * 6 + [late] * 2).drifted
