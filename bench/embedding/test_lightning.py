"""A stage, and the loader alone, in Lightning, against a DataLoader with torchvision v2 in a module of one's own.

Covers: seconds from step to step within `trainer.fit`, ResNet-18 at 28 px, SimCLR's loss, fp32. The stage has the
paper's head of two layers and LARS, the module of one's own a linear head and AdamW. Does not cover: starting up,
several devices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import timm
import torch

from bench.embedding.test_plain_loop import BATCH, SIZE, images
from bench.embedding.torchvision_views import TwoViews, loader_of
from bench.harness import Amount, Comparison
from fastssl.backend import StageModule, ViewsDataModule
from fastssl.kernels import nt_xent
from fastssl.pipelines import Loader, TwoCrops

lightning = pytest.importorskip("lightning", reason="needs Lightning: pip install lightning")
pytest.importorskip("torchvision", reason="needs torchvision: pip install torchvision")

WARM_UP, STEPS, TURNS = 4, 12, 2


class Ends(lightning.Callback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.times.append(time.perf_counter())


class SimCLR(lightning.LightningModule):
    """An encoder with a linear head under NT-Xent."""

    def __init__(self, crops: Callable[[Any], list[torch.Tensor]]) -> None:
        super().__init__()
        self.network = timm.create_model("resnet18", in_chans=1, num_classes=128)
        self.crops = crops

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        return nt_xent(self.network(torch.cat(self.crops(batch))), temperature=0.1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3, fused=True)


def step_seconds(module: Any, data: Any, steps: int) -> list[float]:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    ends, quiet = Ends(), {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(max_steps=WARM_UP + steps, logger=False, devices=1, callbacks=[ends], **quiet)
    trainer.fit(module, data)
    return [end - begin for begin, end in pairwise(ends.times[WARM_UP - 1 :])]


def stage(device: str, steps: int) -> list[float]:
    options = {"encoder": "resnet18", "stem": "standard", "batch_size": BATCH, "epochs": 1}
    module = StageModule("simclr", images(), **options)
    return step_seconds(module, ViewsDataModule(module.run), steps)


def loader_alone(device: str, steps: int) -> list[float]:
    with Loader(images(), TwoCrops(SIZE, 1), batch_size=BATCH, device=device) as loader:
        return step_seconds(SimCLR(lambda batch: [batch["query"], batch["key"]]), loader, steps)


def torchvision(device: str, steps: int) -> list[float]:
    return step_seconds(SimCLR(list), loader_of(TwoViews(images()), BATCH), steps)


VARIANTS = {
    "fastssl StageModule, ViewsDataModule": stage,
    "fastssl loader": loader_alone,
    "DataLoader, torchvision v2": torchvision,
}


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_loader_in_lightning(compare: Comparison, device: str) -> None:
    turns, steps = (1, 1) if compare.once else (TURNS, STEPS)
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(turns):
        for name, variant in VARIANTS.items():
            seconds[name] += variant(device, steps)
    compare.record(
        f"Lightning, SimCLR ResNet-18, {SIZE} px, batch {BATCH}, fp32", seconds, amount=Amount(BATCH, "images")
    )
