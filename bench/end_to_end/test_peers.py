"""MoCo v2 and SimCLR end to end beside peers: images/s of whole runs, each in a process of its own, taking turns.

Covers: timm's ResNet-18 with its standard stem, SGD, the same queue and the same strength of augmentation at 28 px
grey, 64 px and 224 px colour, on a CPU; a quiet machine, and one with a busy neighbour for every core. Ours as the
command line chooses by itself and, with --full, with its precision pinned; lightly, a plain PyTorch loop and, for
SimCLR, stable-pretraining, in fp32 and, where the processor multiplies bf16, under bf16 autocast; with `--baseline
FOLDER` an older fastssl too. Does not cover: GPUs, quality, Lightning's loop around lightly.

    pytest bench/end_to_end/test_peers.py --full --data pneumoniamnist.npz --baseline FOLDER --record

How each side is written, and where they differ: `bench/peers/`. Ours is timed from its second step on, the others from
their fourth, by when their workers are ahead (on a slow machine from the first one after `--seconds`), for `--steps`
steps or until `--seconds` have gone by. Start-up and checkpoints count on no side; the filling of the workers' queue at
the end of an epoch counts where a run is that long. Times are of a step, over the runs. "bf16", 0 or 1, and "threads"
say what a side came to. Without --full: the smallest setting, quiet, each side in its faster precision.
"""

from __future__ import annotations

import random
import statistics
import time
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.harness import Amount, Comparison, best_device
from bench.harness.machine import multiplies_bf16
from bench.peers.neighbour import busy_neighbours
from bench.peers.options import plan_of
from bench.peers.starting import Order, Plan, Setting, Variant, images_file, lightly_strength, run
from fastssl.pipelines import TwoCrops

SETTINGS = [Setting(28, 1, 128, 4708), Setting(64, 3, 128, 4708), Setting(224, 3, 32, 1152)]
PEERS = {
    "moco": {"lightly": ("lightly", "lightly"), "plain": ("plain PyTorch", "torchvision")},
    "simclr": {
        "lightly-simclr": ("lightly", "lightly"),
        "stable-pretraining": ("stable-pretraining", "stable_pretraining"),
    },
}
"""Stage -> side -> what it is called, and the module without which it does not run."""

pytestmark = pytest.mark.skipif(best_device() == "cuda", reason="compares on a CPU")


def variants(plan: Plan, stage: str, *, full: bool, busy: bool) -> dict[str, Variant]:
    """Those that say something on this processor; beside neighbours, of ours only what it chooses by itself."""
    precisions = {"fp32": False, **({"bf16": True} if multiplies_bf16() else {})}
    found = {"fastssl": Variant("ours", None)}
    if full and not busy:
        found |= {f"fastssl, {name}": Variant("ours", amp) for name, amp in precisions.items()}
    if plan.baseline is not None:
        found["before"] = Variant("ours", None, plan.baseline)
    shown = precisions if full else dict([list(precisions.items())[-1]])
    for side, (title, module) in PEERS[stage].items():
        if find_spec(module):
            found |= {f"{title}, {name}": Variant(side, amp) for name, amp in shown.items()}
    return found


def take_turns(
    contestants: dict[str, Variant], orders: dict[str, Order], plan: Plan, folder: Path
) -> dict[str, list[dict[str, Any]]]:
    """The results of every variant's runs; each round in a new order, the same in every session."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    order = list(contestants)
    shuffle = random.Random(0).shuffle
    begin = time.monotonic()
    for done in range(1, plan.rounds + 1):
        shuffle(order)
        for name in order:
            results[name].append(run(contestants[name], orders[name], folder))
            print(f"{name}: {results[name][-1]['images_per_second']:,.1f} images/s", flush=True)
        spent = time.monotonic() - begin
        if spent + spent / done > 60 * plan.minutes:
            break
    return results


def facts_of(runs: list[dict[str, Any]]) -> dict[str, float]:
    """What the runs of a variant say beside their rate."""
    medians = {name: statistics.median(run[name] for run in runs) for name in ("data_wait", "bf16", "threads", "steps")}
    return {
        "data-wait %": 100 * medians["data_wait"],
        "bf16": float(medians["bf16"]),
        "threads": medians["threads"],
        "steps a run": medians["steps"],
    }


FULL = pytest.mark.full
CASES = [
    pytest.param("moco", setting, busy, marks=() if setting.size == 28 and not busy else FULL)
    for setting in SETTINGS
    for busy in (False, True)
] + [pytest.param("simclr", setting, False, marks=FULL) for setting in SETTINGS[:2]]


@pytest.mark.parametrize(("stage", "setting", "busy"), CASES, ids=str)
def test_whole_runs(
    stage: str,
    setting: Setting,
    busy: bool,
    compare: Comparison,
    full: bool,
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    plan = plan_of(pytestconfig, once=compare.once)
    contestants = variants(plan, stage, full=full, busy=busy)
    data = images_file(setting, plan.data, tmp_path)
    strength = lightly_strength(TwoCrops(setting.size, setting.channels))
    orders = {
        name: Order(
            str(data), setting.batch_size, setting.queue_size, plan.steps, plan.seconds, variant.amp, strength, stage
        )
        for name, variant in contestants.items()
    }
    with busy_neighbours(plan.neighbours) if busy else nullcontext():
        results = take_turns(contestants, orders, plan, tmp_path)
    beside = f"{plan.neighbours} busy" if busy else "quiet"
    images = "noise" if data.parent == tmp_path else data.stem
    title = {"moco": "MoCo", "simclr": "SimCLR"}[stage]
    compare.record(
        f"{title} ResNet-18, {setting}, {images}, {beside}",
        {name: [setting.batch_size / run["images_per_second"] for run in runs] for name, runs in results.items()},
        amount=Amount(setting.batch_size, "images"),
        facts={name: facts_of(runs) for name, runs in results.items()},
        missing={title: pip_line(module) for title, module in PEERS[stage].values() if not find_spec(module)},
    )


def pip_line(module: str) -> str:
    return f"pip install {module.replace('_', '-')}"
