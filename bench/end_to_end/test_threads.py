"""How threads wait, and what it costs: images/s of MoCo under several policies, quiet and beside busy neighbours.

Covers: ours as the command sets it (`fastssl.threads`), OpenMP's own default, other lengths of the spin, sleeping at
once, one thread; each run in a process of its own, taking turns. Does not cover: peers (`test_peers.py`).

Goals: beside one busy neighbour a core at least the rate of one thread; quiet, within 5 % of OpenMP's default.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from bench.end_to_end.test_peers import facts_of, take_turns
from bench.harness import Amount, Comparison, best_device
from bench.peers.neighbour import busy_neighbours
from bench.peers.options import plan_of
from bench.peers.starting import Order, Setting, Variant, images_file

pytestmark = [pytest.mark.full, pytest.mark.skipif(best_device() == "cuda", reason="threads of a CPU")]

SETTING = Setting(28, 1, 128, 4708)
POLICIES = {
    "fastssl": (),
    "OpenMP's default": (("OMP_DYNAMIC", "false"),),  # sets nothing else, and keeps ours from being set
    "spin 1,000": (("GOMP_SPINCOUNT", "1000"),),
    "spin 100,000": (("GOMP_SPINCOUNT", "100000"),),
    "sleep at once": (("OMP_WAIT_POLICY", "passive"),),
    "one thread": (("OMP_NUM_THREADS", "1"),),
}


@pytest.mark.parametrize("busy", [False, True], ids=lambda busy: "busy" if busy else "quiet")
def test_policies(busy: bool, compare: Comparison, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    plan = plan_of(pytestconfig, once=compare.once)
    data = images_file(SETTING, plan.data, tmp_path)
    contestants = {name: Variant("ours", None, variables=variables) for name, variables in POLICIES.items()}
    order = Order(str(data), SETTING.batch_size, SETTING.queue_size, plan.steps, plan.seconds, None, {})
    with busy_neighbours(plan.neighbours) if busy else nullcontext():
        results = take_turns(contestants, dict.fromkeys(contestants, order), plan, tmp_path)
    compare.record(
        f"waiting threads, {SETTING}, {f'{plan.neighbours} busy' if busy else 'quiet'}",
        {name: [SETTING.batch_size / run["images_per_second"] for run in runs] for name, runs in results.items()},
        amount=Amount(SETTING.batch_size, "images"),
        facts={name: facts_of(runs) for name, runs in results.items()},
    )
