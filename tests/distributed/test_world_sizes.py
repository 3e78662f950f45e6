"""Runs on one, two and four processes: the same losses, the same queue on every rank."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import pytest
import torch

from fastssl.data import open_source
from fastssl.runtime import Runtime
from fastssl.stages.registry import train_config
from fastssl.training.build import build_run

STEPS = 20
CPU = Runtime(device=torch.device("cpu"), precision="fp32", compile=False)
STAGES: dict[str, dict[str, Any]] = {
    "moco": {"bn_splits": 4, "queue_size": 128, "lr": 0.001},
    "moco, groups on several processes": {"bn_splits": 2, "queue_size": 96, "lr": 0.001},
    "moco, one group": {"bn_splits": 1, "queue_size": 128, "lr": 0.001},
    "simclr": {"lr": 0.1},
    "pretext": {"data": "demo-colour", "lr": 0.001},
    "tower": {"lr": 0.0003},
    "vae": {"lr": 0.0003},
}


_source = cache(open_source)  # drawn once by each process


def trained(name: str, more: dict[str, Any]) -> tuple[list[float], str, float]:
    """Losses of the steps, a digest of the queue, and the sum of the running statistics after a checkpoint's mean."""
    from fastssl.models.synced_norm import average_running_statistics

    settings = {"stage": name.partition(",")[0], "data": "demo", "encoder": "test_resnet", "batch_size": 32}
    settings |= {"steps": STEPS, "seed": 3, **STAGES[name], **more}
    run = build_run(train_config(settings), _source(settings["data"]), CPU)
    with run.open() as engine:
        engine.warm_up()
        batches = islice(chain.from_iterable(repeat(engine.loader)), STEPS)
        losses = [float(engine.train_step(batch)["loss"]) for batch in batches]
    average_running_statistics(run.stage)
    state = run.stage.state_dict()
    kept = [value.double().sum().item() for key, value in state.items() if "running_mean" in key]
    queue = [state[key].numpy().tobytes() for key in ("queue", "queue_ids", "queue_pointer") if key in state]
    weights = b"".join(parameter.detach().numpy().tobytes() for parameter in run.stage.parameters())
    return losses, hashlib.sha256(b"".join(queue) + weights).hexdigest(), float(np.sum(kept))


QUICK = {"moco", "simclr"}
"""Stages whose comparison is part of the suite; the others take over ten seconds each."""


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[] if one in QUICK else [pytest.mark.slow]) for one in STAGES]
)
def test_processes_that_share_a_batch_train_as_one_does(ranks: Callable, name: str) -> None:
    alone, _, statistics = trained(name, {})
    for size in (2, 4):
        results = ranks(size)(trained, name, {})
        for losses, digest, kept in results:
            assert losses == results[0][0]
            assert digest == results[0][1]  # queue and weights, equal to the bit
            np.testing.assert_allclose(losses, alone, rtol=2e-3)
            np.testing.assert_allclose(losses[:3], alone[:3], rtol=2e-5)
            np.testing.assert_allclose(kept, statistics, rtol=0.05, atol=0.05)


@pytest.mark.slow
def test_a_loss_that_does_not_follow_chaos_is_equal_to_the_last_digits(ranks: Callable) -> None:
    """At a rate of next to nothing only rounding can part the runs; the queue alone changes from step to step."""
    alone, *_ = trained("moco", {"lr": 1e-6})
    for size in (2, 4):
        np.testing.assert_allclose(ranks(size)(trained, "moco", {"lr": 1e-6})[0][0], alone, rtol=1e-5)


def test_without_synced_norms_each_process_has_its_own_statistics(ranks: Callable) -> None:
    synced, *_ = trained("simclr", {})
    apart = ranks(2)(trained, "simclr", {"sync_bn": False})[0][0]
    assert abs(apart[0] - synced[0]) > 1e-4
