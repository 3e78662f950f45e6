"""fastssl's loader in Lightning, against a DataLoader with torchvision v2 in the same module and trainer.

Covers: seconds from step to step within `trainer.fit`, ResNet-18 at 28 px, SimCLR's loss, fp32. Does not cover:
starting up, several devices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
import timm
import torch

from bench.embedding.test_plain_loop import BATCH, SIZE, images
from bench.embedding.torchvision_views import loader_of
from bench.harness import Amount, Comparison
from fastssl.kernels import nt_xent
from fastssl.pipelines import Loader, TwoCrops

lightning = pytest.importorskip("lightning", reason="needs Lightning: pip install lightning")
pytest.importorskip("torchvision", reason="needs torchvision: pip install torchvision")

WARM_UP, STEPS, TURNS = 4, 12, 2


class SimCLR(lightning.LightningModule):
    """An encoder with a linear head under NT-Xent; notes when each step ends."""

    def __init__(self, crops: Callable[[Any], list[torch.Tensor]]) -> None:
        super().__init__()
        self.network = timm.create_model("resnet18", in_chans=1, num_classes=128)
        self.crops = crops
        self.ends: list[float] = []

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        return nt_xent(self.network(torch.cat(self.crops(batch))), temperature=0.1)

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.ends.append(time.perf_counter())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3, fused=True)


def step_seconds(loader: Iterable[Any], crops: Callable[[Any], list[torch.Tensor]], steps: int) -> list[float]:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = SimCLR(crops)
    trainer = lightning.Trainer(
        max_steps=WARM_UP + steps, logger=False, enable_checkpointing=False, enable_progress_bar=False, devices=1
    )
    trainer.fit(module, loader)
    ends = module.ends[WARM_UP - 1 :]
    return [end - begin for begin, end in pairwise(ends)]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_loader_in_lightning(compare: Comparison, device: str) -> None:
    turns, steps = (1, 1) if compare.once else (TURNS, STEPS)
    seconds: dict[str, list[float]] = {"fastssl loader": [], "DataLoader, torchvision v2": []}
    for _ in range(turns):
        for name in seconds:
            if name.startswith("fastssl"):
                loader: Any = Loader(images(), TwoCrops(SIZE, 1), batch_size=BATCH, device=device)
                with loader:
                    seconds[name] += step_seconds(loader, lambda batch: [batch["query"], batch["key"]], steps)
            else:
                seconds[name] += step_seconds(loader_of(images(), BATCH), list, steps)
    compare.record(
        f"Lightning, SimCLR ResNet-18, {SIZE} px, batch {BATCH}, fp32", seconds, amount=Amount(BATCH, "images")
    )
