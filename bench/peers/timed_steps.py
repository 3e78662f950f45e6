"""What all runners of peers have in common: the clock, and the line of JSON.

Covers: steps that are not timed, the rate of those that are, `report`, which is a runner's whole `main` where a step
can be called. Does not cover: what a step does (`plain_moco.py` and others), a loop of somebody else's
(`stable_pretraining_simclr.py`), nor ours (`run_ours.py`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

WARM_UP_STEPS = 3
"""Not timed, or fewer where they take long: by then the workers have made the batches that they keep ready."""


class Rate(NamedTuple):
    """Of `steps` steps: images/s, and the share of their time, 0 to 1, spent waiting for a batch."""

    images_per_second: float
    data_wait: float
    steps: int


class Training(Protocol):
    """`step` takes one optimiser step and returns the seconds that its batch was waited for."""

    total_loss: Tensor

    def step(self) -> float: ...


def timed(step: Callable[[], float], *, batch_size: int, steps: int, seconds: float) -> Rate:
    """The rate of `steps` steps after the warm-up, or of those that were begun within `seconds`; of one at least."""
    _repeat(step, WARM_UP_STEPS, seconds)
    begin = time.perf_counter()
    waits = _repeat(step, steps, seconds)
    taken = time.perf_counter() - begin
    return Rate(batch_size * len(waits) / taken, sum(waits) / taken, len(waits))


def report(make: Callable[..., Training]) -> None:
    """Train by the order on the command line; print one line of JSON.

    `make` takes the images and, by name, `batch_size`, `queue_size`, `strength` and `bf16`.
    """
    order, images = read_order()
    settings = {name: order[name] for name in ("batch_size", "queue_size", "strength")}
    training = make(images, **settings, bf16=order["amp"] is True)
    rate = timed(training.step, batch_size=order["batch_size"], steps=order["steps"], seconds=order["seconds"])
    print_line(rate, float(training.total_loss), bf16=order["amp"] is True)


def read_order() -> tuple[dict[str, Any], np.ndarray]:
    """The fields of `starting.Order`, and the images that it names."""
    order = json.loads(sys.argv[1])
    with np.load(order["data"]) as file:
        return order, file["train_images"]


def print_line(rate: Rate, loss: float, *, bf16: bool) -> None:
    print(json.dumps({**rate._asdict(), "loss": loss, "bf16": bf16, "threads": torch.get_num_threads()}))


def _repeat(step: Callable[[], float], most: int, seconds: float) -> list[float]:
    end = time.perf_counter() + seconds
    results = [step()]
    while len(results) < most and time.perf_counter() < end:
        results.append(step())
    return results
