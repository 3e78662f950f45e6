"""A whole MoCo step, end to end: ResNet-18 at 28 pixels, batch 128, from loader to updated weights.

Covers: fp32, bf16, compiled, without products on small maps, without split batch norm, beside each other; and the share
of a step spent waiting for data. Does not cover: kernels and pipelines alone (their own folders), quality.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import nn

from bench.harness import QUICK, Report, measure
from fastssl.data import Source, open_source
from fastssl.models.encoder import create_encoder
from fastssl.pipelines import Loader, TwoCrops
from fastssl.runtime import Runtime
from fastssl.stages.moco.objective import MoCo
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock
from fastssl.training.schedule import CosineSchedule

BATCH_SIZE = 128
SIZE = 28
FEATURE_DIM = 512
WAIT_STEPS = 4 if QUICK else 40

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class WithConvolutions(Runtime):
    """Leaves convolutions on small maps to torch."""

    def place(self, module: ModuleT) -> ModuleT:
        return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def source() -> Source:
    """Grey images of 28 x 28 pixels, as PneumoniaMNIST's."""
    return open_source("demo", size=SIZE)


def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.06, momentum=0.9, weight_decay=1e-4, fused=True)


def engine(
    source: Source,
    folder: Path,
    device: str,
    *,
    amp: bool = False,
    compiled: bool = False,
    small_maps: bool = True,
    bn_splits: int = 2,
) -> Engine:
    """An engine as `fastssl train` makes it, but for what is named."""
    dtype = torch.bfloat16 if amp else torch.float32
    stage = MoCo(
        create_encoder("resnet18", 1, SIZE, seed=0),
        FEATURE_DIM,
        queue_size=BATCH_SIZE * 8,
        bn_splits=bn_splits,
        queue_dtype=dtype,
    )
    loader = Loader(
        source.splits["train"].images,
        TwoCrops(SIZE, 1),
        batch_size=BATCH_SIZE,
        device=device,
        dtype=dtype,
        prefetch=0 if device == "cpu" else 3,
    )
    kind = Runtime if small_maps else WithConvolutions
    runtime = kind(device=torch.device(device), precision="bf16" if amp else "fp32", compile=compiled)
    schedule = CosineSchedule(peak=0.06, total_steps=10_000)
    return Engine(stage, loader, runtime, sgd, schedule, CheckpointPolicy(folder=folder))


def one_step(made: Engine) -> Callable[[], object]:
    """A call that trains one step on a batch that is there already."""
    batch = next(iter(made.loader))
    made.loader.close()
    return lambda: made.train_step(batch)


def test_step_variants(source: Source, tmp_path: Path, device: str, report: Report) -> None:
    settings = {
        "fp32": {},
        "bf16": {"amp": True},
        "fp32, convolutions": {"small_maps": False},
        "bf16, convolutions": {"amp": True, "small_maps": False},
        "bf16, plain batch norm": {"amp": True, "bn_splits": 1},
        "bf16 compiled": {"amp": True, "compiled": True},
        "fp32 compiled": {"compiled": True},
    }
    variants = {
        name: one_step(engine(source, tmp_path, device, **setting))
        for name, setting in settings.items()
        if not (QUICK and setting.get("compiled"))  # minutes on a CPU
    }
    report.add("MoCo ResNet-18, 28 px, batch 128", measure(variants, rounds=15, warmup=2))


def test_data_wait(source: Source, tmp_path: Path, device: str) -> None:
    made = engine(source, tmp_path, device, amp=True)
    clock = StepClock(BATCH_SIZE)
    with made.loader:
        made.fit(WAIT_STEPS, lambda metrics: None, clock)
    print(f"\ndata-wait {clock.mean_data_wait:.2%} of {WAIT_STEPS} steps, {clock.mean_images_per_second:,.0f} images/s")
    assert QUICK or clock.mean_data_wait < 0.05
