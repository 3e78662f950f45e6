"""lightly's SimCLR and MoCo in lightly's own way, with our loss, and with our views and loss.

Covers: whole steps of one loop, ResNet-18 at 28 px with lightly's heads, moving average and memory bank, fp32; the two
variants with lightly's views share one DataLoader. Does not cover: whole runs against each other
(`bench/end_to_end/test_peers.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, repeat

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from bench.embedding.test_plain_loop import BATCH, DIM, QUEUE, SIZE, STEPS, images, ours
from bench.embedding.torchvision_views import WORKERS
from bench.harness import Amount, Comparison, best_device

pytest.importorskip("lightly", reason="needs lightly: pip install lightly")

Batches = Iterator[tuple[Tensor, Tensor]]


class TwoViews(Dataset):
    """lightly's two views of one PIL image at a time."""

    def __init__(self) -> None:
        from lightly.transforms import SimCLRTransform

        self.images = images()[..., 0]
        # As ours: no hue, no saturation, no conversion to grey of grey images.
        self.transform = SimCLRTransform(
            input_size=SIZE, cj_sat=0.0, cj_hue=0.0, random_gray_scale=0.0, normalize={"mean": [0.5], "std": [0.5]}
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index]))


def theirs(device: str, workers: int) -> Batches:
    loader = DataLoader(
        TwoViews(),
        BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        # A worker forked from a process with OpenMP threads may crash.
        multiprocessing_context="forkserver" if workers else None,
    )
    return ((one.to(device), other.to(device)) for one, other in chain.from_iterable(repeat(loader)))


def loop(objective: str, batches: Batches, criterion: nn.Module, device: str) -> Callable[[], None]:
    """A call that trains `STEPS` steps."""
    from lightly.models.modules import MoCoProjectionHead, SimCLRProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum

    torch.manual_seed(0)
    head = MoCoProjectionHead if objective == "MoCo" else SimCLRProjectionHead
    encoder = timm.create_model("resnet18", in_chans=1, num_classes=0)
    model = nn.Sequential(encoder, head(512, 512, DIM)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06, momentum=0.9, fused=True)
    other_model = model
    if objective == "MoCo":
        other_model = copy.deepcopy(model)
        deactivate_requires_grad(other_model)

    def call() -> None:
        for _ in range(STEPS):
            one, other = next(batches)
            if other_model is not model:
                update_momentum(model, other_model, m=0.99)
            loss = criterion(model(one), other_model(other))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return call


@pytest.mark.full
@pytest.mark.parametrize(("objective", "bank"), [("SimCLR", 0), ("MoCo", (QUEUE, DIM))], ids=["simclr", "moco"])
@pytest.mark.benchmark(min_rounds=3)
def test_lightlys_loop(compare: Comparison, device: str, objective: str, bank: tuple[int, int] | int) -> None:
    from lightly.loss import NTXentLoss as LightlyLoss

    from fastssl.backend.lightly import NTXentLoss

    with ExitStack() as closing:
        views = theirs(device, workers=0 if compare.once else WORKERS)  # workers take long to start
        variants = {
            "fastssl loader and loss": loop(objective, ours(closing, device), NTXentLoss(0.5, bank), device),
            "fastssl loss, lightly's views": loop(objective, views, NTXentLoss(0.5, bank), device),
            "lightly": loop(objective, views, LightlyLoss(0.5, bank), device),
        }
        problem = f"lightly's loop, {objective} ResNet-18, {SIZE} px, batch {BATCH}, fp32"
        amount = Amount(BATCH, "images")
        compare(problem, variants, amount=amount, calls=STEPS, warm_up=0, wall=True, device=best_device())
