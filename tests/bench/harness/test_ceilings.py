"""What the device can do at best, and the floors that follow; what the machine is called."""

from __future__ import annotations

import json

import pytest
import torch

from bench.harness import Work, machine
from bench.harness import ceilings as module


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZES", {False: (1 << 20, 64, 1), True: (1 << 20, 64, 1)})
    module.ceilings.cache_clear()


@pytest.mark.usefixtures("small")
def test_ceilings_are_measured_for_one_thread_and_for_all() -> None:
    threads = torch.get_num_threads()
    found = module.all_ceilings()
    assert torch.get_num_threads() == threads
    assert [one["threads"] for one in found] in ([1], [1, threads], [None])
    names = {f"{kind} {dtype}" for kind in ("product", "convolution") for dtype in ("float32", "bfloat16")}
    for one in found:
        assert set(one["flop"]) == names
        assert one["copy"] > 0
        assert min(one["flop"].values()) > 0
    json.dumps(found)


def test_a_floor_takes_the_slower_of_memory_and_arithmetic() -> None:
    ceilings = module.Ceilings(threads=1, copy=100.0, flop={"product float32": 10.0})
    assert ceilings.floor_seconds(Work(bytes=1000.0, flop=10.0)) == 10.0
    assert ceilings.floor_seconds(Work(bytes=1.0, flop=50.0)) == 5.0


def test_figures_name_the_processor_and_never_the_machine() -> None:
    import platform

    found = machine.environment()
    assert found["processor"]["name"]
    assert found["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert platform.node() not in json.dumps(found)
    assert machine.device_slug() == machine.device_slug().lower()
    assert " " not in machine.device_slug()
