"""How threads wait, and what it costs: images/s of MoCo under several policies, quiet and beside busy neighbours.

Covers: ours as the command sets it (`fastssl.threads`), OpenMP's own default, other lengths of the spin, sleeping at
once, one thread; each run in a process of its own, taking turns. Does not cover: lightly (`test_moco.py`).

Goals: beside one busy neighbour a core at least the rate of one thread; quiet, within 5 % of OpenMP's default.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from bench.harness import QUICK, Report, Row, Timing, best_device
from bench.peers.neighbour import busy_neighbours
from bench.peers.starting import Order, Plan, Setting, Variant, images_file
from bench.peers.test_moco import take_turns

pytestmark = pytest.mark.skipif(best_device() == "cuda", reason="threads of a CPU")

SETTING = Setting(28, 1, 128, 4708)
POLICIES = {
    "ours": (),
    "OpenMP's default": (("OMP_DYNAMIC", "false"),),  # sets nothing else, and keeps ours from being set
    "spin 1,000": (("GOMP_SPINCOUNT", "1000"),),
    "spin 100,000": (("GOMP_SPINCOUNT", "100000"),),
    "sleep at once": (("OMP_WAIT_POLICY", "passive"),),
    "one thread": (("OMP_NUM_THREADS", "1"),),
}


@pytest.mark.parametrize("busy", [False] if QUICK else [False, True], ids=lambda busy: "busy" if busy else "quiet")
def test_policies(busy: bool, plan: Plan, report: Report, tmp_path: Path) -> None:
    data = images_file(SETTING, plan.data, tmp_path)
    contestants = {name: Variant("ours", None, variables=variables) for name, variables in POLICIES.items()}
    order = Order(str(data), SETTING.batch_size, SETTING.queue_size, plan.steps, plan.seconds, None, {})
    with busy_neighbours(plan.neighbours) if busy else nullcontext():
        results = take_turns(contestants, dict.fromkeys(contestants, order), plan, tmp_path)
    problem = f"{SETTING}, {f'{plan.neighbours} busy' if busy else 'quiet'}"
    for name, runs in results.items():
        seconds = sorted(SETTING.batch_size / result["images_per_second"] for result in runs)
        median = seconds[len(seconds) // 2]
        facts = {"images/s": SETTING.batch_size / median, "threads": float(runs[0]["threads"])}
        report.rows.append(Row(problem, name, Timing(median, seconds[0], seconds[-1], len(runs), 0), facts=facts))
