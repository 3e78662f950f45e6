"""Two million images of 28 px on the disk, beside the same images in memory: images/s and resident memory.

Covers: the loader alone (two crops), and a MoCo v2 training on it, each in a process of its own, taking turns; the
files are in the page cache, since they have just been written. Goals: at least 0.8 of the rate from memory, under
1.5 GiB resident. Does not cover: cold or slow disks, GPUs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bench.harness import Amount, Comparison, best_device
from bench.pipelines.shard_process import ShardOrder
from fastssl.data.shards import write_shards

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        best_device() == "cuda" or not sys.platform.startswith("linux"),
        reason="two crops on a CPU; Linux says how much is resident",
    ),
]

SIZE, IMAGES, ROUNDS = 28, 2_000_000, 3
BATCH = 256
# More than two windows of images for the loader; the training, far slower, reads two windows at its start.
BATCHES = {"loader": 1600, "training": 60}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Path]:
    """The images as one array and as shards; few of them where everything runs once."""
    folder = tmp_path_factory.mktemp("shards")
    count = 4096 if request.config.option.benchmark_disable else IMAGES
    array = np.lib.format.open_memmap(folder / "all.npy", "w+", np.uint8, (count, SIZE, SIZE, 1))
    rng = np.random.default_rng(0)
    for start in range(0, count, 100_000):
        array[start : start + 100_000] = rng.integers(0, 256, array[start : start + 100_000].shape, dtype=np.uint8)
    array.flush()
    return {"memory": folder / "all.npy", "shards": write_shards(folder / "all", iter(array))}


@pytest.mark.parametrize("work", BATCHES)
def test_images_on_the_disk(work: str, data: dict[str, Path], compare: Comparison) -> None:
    batches = 4 if compare.once else BATCHES[work]
    runs: dict[str, list[dict[str, float]]] = {"fastssl, shards": [], "bound, memory": []}
    for _ in range(1 if compare.once else ROUNDS):
        for name, own in runs.items():
            path = data[name.split(", ")[1]]
            own.append(
                _run(ShardOrder(data=str(path), work=work, batches=batches, batch_size=BATCH, encoder="test_resnet"))
            )
    compare.record(
        f"{work}, {IMAGES:,} images of {SIZE} px, batch {BATCH}",
        {name: [BATCH / run["images_per_second"] for run in own] for name, own in runs.items()},
        amount=Amount(BATCH, "images"),
        facts={name: {"GiB resident": max(run["peak"] for run in own) / 2**30} for name, own in runs.items()},
    )


def _run(order: ShardOrder) -> dict[str, float]:
    line = [sys.executable, "-m", "bench.pipelines.shard_process", json.dumps(asdict(order))]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True, timeout=1800)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
