"""fastssl's parts inside somebody else's loop: MoCo in plain PyTorch, with their loader and loss and with ours.

Covers: whole steps of one loop, ResNet-18 at 28 px, in fp32: DataLoader with torchvision v2 and eager loss; the same
with `Loader` alone, with `Loader`, `info_nce` and `ema_update_`, and a whole stage by `backend.Step`, whose head has
two layers for the others' one. Does not cover: what else `fastssl train` does
(products on small maps, mixed precision, the order of memory: `bench/step`), Lightning (`test_lightning.py`).

A call takes three steps; of their batches up to two were made while another variant had its turn, on either side.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, repeat

import numpy as np
import pytest
import timm
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.embedding.torchvision_views import TwoViews, loader_of
from bench.harness import Amount, Comparison, NotInstalled, best_device, peer
from bench.kernels.eager_info_nce import eager_info_nce
from fastssl import backend
from fastssl.kernels import ema_update_, info_nce
from fastssl.pipelines import Loader, TwoCrops

IMAGES, SIZE, BATCH, QUEUE, DIM, STEPS = 2560, 28, 128, 1024, 128, 3
Batches = Iterator[tuple[Tensor, Tensor]]


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 1), dtype=np.uint8)


def ours(closing: ExitStack, device: str) -> Batches:
    loader = closing.enter_context(Loader(images(), TwoCrops(SIZE, 1), batch_size=BATCH, device=device))
    return ((batch["query"], batch["key"]) for batch in chain.from_iterable(repeat(loader)))


def theirs(device: str) -> Batches:
    loader = loader_of(TwoViews(images()), BATCH)
    return ((query.to(device), key.to(device)) for query, key in chain.from_iterable(repeat(loader)))


def eager_average(targets: list[Tensor], sources: list[Tensor], momentum: float) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.mul_(momentum).add_(source, alpha=1.0 - momentum)


def eager_loss(query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
    return eager_info_nce(F.normalize(query, dim=1), key, queue, 0.2)


def fused_loss(query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
    return info_nce(query, key, queue, 0.2, normalize=True)


def loop(batches: Batches, loss: Callable[..., Tensor], average: Callable[..., object], device: str) -> Callable:
    """A call that trains `STEPS` steps."""
    torch.manual_seed(0)
    encoder = timm.create_model("resnet18", in_chans=1, num_classes=DIM).to(device)
    key_encoder = copy.deepcopy(encoder).requires_grad_(False)
    weights = [[p.detach() for p in network.parameters()] for network in (key_encoder, encoder)]
    queue = F.normalize(torch.randn(QUEUE, DIM, device=device), dim=1)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4, fused=True)

    def call() -> None:
        nonlocal queue
        for _ in range(STEPS):
            query, key = next(batches)
            average(*weights, 0.99)
            with torch.no_grad():
                keys = F.normalize(key_encoder(key), dim=1)
            value = loss(encoder(query), keys, queue)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            queue = torch.cat([keys, queue[:-BATCH]])

    return call


def stage_loop(closing: ExitStack, device: str) -> Callable[[], None]:
    """The same by a stage and its own loader, in fp32 as it is by default: compiled on CUDA."""
    options = {"queue_size": QUEUE, "momentum": 0.99, "batch_size": BATCH, "bn_splits": 1, "epochs": 1}
    run = backend.open_run(images(), encoder="resnet18", stem="standard", precision="fp32", device=device, **options)
    step = backend.Step(run.stage, run.optimizer, runtime=run.runtime)
    batches = chain.from_iterable(repeat(closing.enter_context(run.loader())))

    def call() -> None:
        for _ in range(STEPS):
            step(next(batches))

    return call


@pytest.mark.benchmark(min_rounds=3)
def test_moco_in_a_plain_loop(compare: Comparison, device: str) -> None:
    with ExitStack() as closing:
        variants: dict[str, Callable[[], object] | NotInstalled] = {
            "fastssl backend.Step": stage_loop(closing, device),
            "fastssl loader and kernels": loop(ours(closing, device), fused_loss, ema_update_, device),
            "fastssl loader, eager loss": loop(ours(closing, device), eager_loss, eager_average, device),
            "DataLoader, torchvision v2": peer(
                "torchvision", lambda: loop(theirs(device), eager_loss, eager_average, device)
            ),
        }
        problem = f"a plain PyTorch loop, MoCo ResNet-18, {SIZE} px, batch {BATCH}, fp32"
        amount = Amount(BATCH, "images")
        compare(problem, variants, amount=amount, calls=STEPS, warm_up=0, wall=True, device=best_device())
