"""A MoCo step: ResNet-18 at 28 pixels, batch 128, a batch ready, from the first crop to updated weights.

Covers: fp32, bf16, compiled, without products on small maps, without split batch norm, beside a plain PyTorch step of
the same parts; the floor of its multiplications. Does not cover: loading (`bench/end_to_end`), kernels alone, quality.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.harness import Amount, Comparison, Work
from bench.harness.machine import multiplies_bf16
from bench.kernels.eager_info_nce import eager_info_nce
from fastssl.data import Source, open_source
from fastssl.models.encoder import create_encoder
from fastssl.pipelines import Loader, TwoCrops
from fastssl.runtime import Runtime
from fastssl.stages.moco.objective import MoCo
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.engine import Engine
from fastssl.training.schedule import CosineSchedule

BATCH_SIZE = 128
SIZE = 28
FEATURE_DIM = 512
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


def step_work(dtype: torch.dtype) -> Work:
    """Of the query encoder forward and backward, of the key encoder forward; the queue's products are a hundredth."""
    encoder = create_encoder("resnet18", 1, SIZE, seed=0)
    images = torch.zeros(BATCH_SIZE, 1, SIZE, SIZE)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        encoder(images)
    with FlopCounterMode(display=False) as both:
        encoder(images).sum().backward()
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    # Weights, gradients, momentum and the average, each read and written once.
    moved = 4.0 * parameters * 8
    return Work(moved, float(forward.get_total_flops() + both.get_total_flops()), "convolution", dtype)


def test_step_variants(source: Source, tmp_path: Path, device: str, compare: Comparison, full: bool) -> None:
    settings: dict[str, dict[str, bool | int]] = {
        "fastssl fp32": {},
        "fastssl bf16": {"amp": True},
        "fastssl fp32, convolutions": {"small_maps": False},
        "fastssl bf16, convolutions": {"amp": True, "small_maps": False},
        "fastssl bf16, plain batch norm": {"amp": True, "bn_splits": 1},
        "fastssl bf16 compiled": {"amp": True, "compiled": True},
        "fastssl fp32 compiled": {"compiled": True},
    }
    own = "fastssl bf16" if multiplies_bf16() else "fastssl fp32"
    chosen = settings if full else {name: settings[name] for name in (own, f"{own}, convolutions")}
    variants: dict[str, Callable[[], object]] = {
        name: one_step(engine(source, tmp_path, device, **setting))  # type: ignore[arg-type]
        for name, setting in chosen.items()
    }
    dtype = torch.bfloat16 if multiplies_bf16() else torch.float32
    variants["plain PyTorch"] = plain_step(source, device, dtype)
    amount = Amount(BATCH_SIZE, "images")
    compare(f"MoCo ResNet-18, {SIZE} px, batch {BATCH_SIZE}", variants, work=step_work(dtype), amount=amount)


def plain_step(source: Source, device: str, dtype: torch.dtype) -> Callable[[], object]:
    """The same step in a few lines of PyTorch (He et al. 2020, algorithm 1), batch norm not split."""
    query, key = (create_encoder("resnet18", 1, SIZE, seed=0).to(device) for _ in range(2))
    heads = [nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 128)).to(device) for _ in range(2)]
    query, key = nn.Sequential(query, heads[0]), nn.Sequential(key, heads[1])
    optimizer = torch.optim.SGD(query.parameters(), lr=0.06, momentum=0.9, weight_decay=1e-4, fused=True)
    queue = F.normalize(torch.randn(BATCH_SIZE * 8, 128, device=device), dim=1)
    images = torch.from_numpy(source.splits["train"].images[:BATCH_SIZE]).reshape(-1, 1, SIZE, SIZE).to(device)
    crops = images.float().div(255).sub(0.5).div(0.5)

    def call() -> None:
        with torch.no_grad():
            for average, weight in zip(key.parameters(), query.parameters(), strict=True):
                average.mul_(0.99).add_(weight, alpha=0.01)
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            q = F.normalize(query(crops), dim=1)
            with torch.no_grad():
                k = F.normalize(key(crops), dim=1)
            loss = eager_info_nce(q, k, queue, 0.2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        queue.copy_(queue.roll(BATCH_SIZE, 0))
        queue[:BATCH_SIZE] = k

    return call
