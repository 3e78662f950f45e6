"""Processes of one machine by torchrun's own launcher: results, errors, ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from fastssl.distributed.environment import launched
from fastssl.distributed.launch import check_gpus, start
from fastssl.errors import ConfigError, LostPeerError

ROOT = str(Path(__file__).parents[2])


@pytest.fixture(autouse=True)
def findable(monkeypatch: pytest.MonkeyPatch) -> None:
    """New processes find this module by its name."""
    monkeypatch.setattr(sys, "path", [*sys.path, ROOT])


def place(offset: int) -> tuple[int, int, str]:
    found = launched()
    assert found is not None
    return found.rank + offset, found.size, os.environ["OMP_NUM_THREADS"]


def refuse() -> None:
    raise ConfigError(["lr=-1: give a number above 0"])


def die() -> None:
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)


def _function(name: str) -> object:
    import tests.distributed.test_launch as by_name

    return getattr(by_name, name)


def test_the_result_is_that_of_rank_0() -> None:
    assert start(2, _function("place"), 10) == (10, 2, os.environ["OMP_NUM_THREADS"])


def test_an_error_for_the_user_arrives_as_it_was_raised() -> None:
    with pytest.raises(ConfigError, match="lr=-1: give a number above 0"):
        start(2, _function("refuse"))


def test_a_process_that_is_killed_is_named() -> None:
    with pytest.raises(LostPeerError, match=r"rank 1 \(process \d+\) was killed by SIGKILL"):
        start(2, _function("die"))


def test_gpus_that_are_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match="gpus=999: this machine has"):
        check_gpus(999, "auto")
    with pytest.raises(ConfigError, match="on CPUs start the processes by torchrun --nproc-per-node 2"):
        check_gpus(2, "cpu")
