"""MoCo v2 end to end beside lightly's: images/s of whole training runs, each in a process of its own, taking turns.

Covers: timm's ResNet-18 with its standard stem, SGD, the same queue and the same strength of augmentation at 28 px
grey, 64 px and 224 px colour, on a CPU; a quiet machine, and one with a busy neighbour for every core. Ours as the
command line chooses by itself and, on the quiet machine, with its precision pinned; lightly in fp32 and, where the
processor multiplies bf16, under bf16 autocast; with `--baseline FOLDER` an older fastssl too. Does not cover: GPUs,
quality, Lightning's loop around lightly.

    pytest bench/peers/test_moco.py --data pneumoniamnist.npz --baseline FOLDER --record

Needs lightly: `pip install -e '.[bench]'`. How each side is written, and where they differ: `lightly_moco.py`,
`run_ours.py`. Ours is timed from its second step on, lightly from its fourth, by when its workers are ahead (on a slow
machine from the first one after `--seconds`), for `--steps` steps or until `--seconds` have gone by. By default neither
meets the end of an epoch, which would cost lightly the filling of its workers' queue. Start-up and checkpoints count on
neither side. Medians and ranges are of a step's time over the runs; "x lightly" is against the faster of lightly's two.
"bf16" among the facts, 0 or 1, and "threads" say what a side came to.

The defaults keep to about twelve minutes: beside neighbours a run then has few steps and a variant few runs. Figures to
publish want `--seconds 20 --rounds 5 --minutes 15`.
"""

from __future__ import annotations

import importlib.util
import random
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bench.environment import processor
from bench.harness import QUICK, Report, Row, Timing, best_device
from bench.peers.neighbour import busy_neighbours
from bench.peers.starting import Order, Plan, Setting, Variant, images_file, lightly_strength, run
from fastssl.pipelines import TwoCrops

SETTINGS = [Setting(28, 1, 128, 4708), Setting(64, 3, 128, 4708), Setting(224, 3, 32, 1152)]
MULTIPLIES_BF16 = bool({"avx512_bf16", "amx_bf16"} & set(processor()["instructions"]))

pytestmark = [
    pytest.mark.skipif(
        not importlib.util.find_spec("lightly"), reason="needs lightly: pip install 'lightly>=1.5' torchvision"
    ),
    pytest.mark.skipif(best_device() == "cuda", reason="compares on a CPU"),
]


def variants(plan: Plan, *, busy: bool) -> dict[str, Variant]:
    """Those that say something on this processor; beside neighbours, of ours only what it chooses by itself."""
    found = {"ours": Variant("ours", None)}
    if not busy:
        found["ours, fp32"] = Variant("ours", False)
        if MULTIPLIES_BF16:
            found["ours, bf16"] = Variant("ours", True)
    if plan.baseline is not None:
        found["ours before"] = Variant("ours", None, plan.baseline)
    found["lightly, fp32"] = Variant("lightly", False)
    if MULTIPLIES_BF16:
        found["lightly, bf16"] = Variant("lightly", True)
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


def rows(problem: str, batch_size: int, results: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """One for each variant."""

    def median(name: str, value: str) -> float:
        return statistics.median(result[value] for result in results[name])

    rates = {name: median(name, "images_per_second") for name in results}
    lightly = max(rate for name, rate in rates.items() if name.startswith("lightly"))
    made = []
    for name, runs in results.items():
        seconds = [batch_size / result["images_per_second"] for result in runs]
        facts = {
            "images/s": rates[name],
            "x lightly": rates[name] / lightly,
            "data-wait %": 100 * median(name, "data_wait"),
            "bf16": float(median(name, "bf16")),
            "threads": median(name, "threads"),
            "steps a run": median(name, "steps"),
            "runs": float(len(runs)),
        }
        timing = Timing(batch_size / rates[name], min(seconds), max(seconds), len(runs), 0)
        made.append(Row(problem, name, timing, facts=facts))
    return made


@pytest.mark.parametrize("busy", [False] if QUICK else [False, True], ids=lambda busy: "busy" if busy else "quiet")
@pytest.mark.parametrize("setting", SETTINGS[:1] if QUICK else SETTINGS, ids=str)
def test_end_to_end(setting: Setting, busy: bool, plan: Plan, report: Report, tmp_path: Path) -> None:
    contestants = variants(plan, busy=busy)
    data = images_file(setting, plan.data, tmp_path)
    strength = lightly_strength(TwoCrops(setting.size, setting.channels))
    orders = {
        name: Order(str(data), setting.batch_size, setting.queue_size, plan.steps, plan.seconds, variant.amp, strength)
        for name, variant in contestants.items()
    }
    with busy_neighbours(plan.neighbours) if busy else nullcontext():
        results = take_turns(contestants, orders, plan, tmp_path)
    beside = f"{plan.neighbours} busy" if busy else "quiet"
    images = "noise" if data.parent == tmp_path else data.stem
    report.rows += rows(f"{setting}, {images}, {beside}", setting.batch_size, results)
