"""One run of `test_shards.py` in a process of its own: `python -m bench.pipelines.shard_process ORDER`.

Covers: a loader or a training on images from memory or from shards; images/s, and the most memory that the process had
resident, mapped pages included, as Linux counts it. Does not cover: making the data (`test_shards.py`).
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fastssl.data import Source, Split, open_source
from fastssl.pipelines import Loader, TwoCrops
from fastssl.stages.registry import config_class
from fastssl.training.build import build_run
from fastssl.training.inputs import open_runtime
from fastssl.training.progress import StepClock

WARM_UP = 3
"""Batches that are not timed; the first one waits for the first window."""


@dataclass(frozen=True, kw_only=True)
class ShardOrder:
    """What a process is to do.

    Args:
        data: folder of shards, or a `.npy` file that is loaded.
        work: "loader" (two crops of each image) or "training" (MoCo v2).
        batches: that are timed.
        batch_size: images per batch.
        encoder: of the training.
    """

    data: str
    work: str
    batches: int
    batch_size: int
    encoder: str


def source_of(data: Path) -> Source:
    """The shards, or the same images in memory."""
    if data.is_dir():
        return open_source(data)
    return Source(
        name="in memory", splits={"train": Split(images=np.load(data))}, fingerprint="0", image_fingerprint="0"
    )


def loader_seconds(order: ShardOrder, source: Source) -> float:
    """Seconds of the loader's batches, from start to end, as fast as they are made."""
    size = source.image_shape[0]
    with Loader(source.splits["train"].images, TwoCrops(size, 1), batch_size=order.batch_size) as loader:
        taken = iter(loader)
        for _ in range(WARM_UP):
            next(taken)
        began = time.perf_counter()
        for _ in range(order.batches):
            next(taken)
        return time.perf_counter() - began


def training_seconds(order: ShardOrder, source: Source) -> float:
    """Seconds of as many steps."""
    steps = WARM_UP + order.batches
    settings = config_class("moco", None)
    config = settings(encoder=order.encoder, steps=steps, batch_size=order.batch_size, device="cpu")
    arrived: list[float] = []
    with build_run(config, source, open_runtime(config)).open() as engine:
        engine.fit(steps, lambda _: arrived.append(time.perf_counter()), StepClock(order.batch_size))
    return arrived[-1] - arrived[WARM_UP - 1]


def peak() -> int:
    """Bytes that were resident at most; not getrusage's, which begin with those of the starting process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Do what the order says and print the figures as JSON."""
    order = ShardOrder(**json.loads(sys.argv[1]))
    source = source_of(Path(order.data))
    seconds = (loader_seconds if order.work == "loader" else training_seconds)(order, source)
    rate = order.batches * order.batch_size / seconds
    print(json.dumps({**asdict(order), "images_per_second": rate, "peak": peak()}))


if __name__ == "__main__":
    main()
