"""SimCLR as a user of stable-pretraining writes it, from its own parts, in the way its documentation joins them.

Covers: its transforms on one PIL image at a time as dicts, `FromTorchDataset`, `DataModule`, a torch DataLoader with
two workers that persist, timm's ResNet-18, its `Module` with its `forward.simclr` and `NTXEntLoss`, SGD on its default
schedule, a cosine, in Lightning's Trainer; fp32, or Lightning's "bf16-mixed". Does not cover: GPUs, its augmentation of
batches by kornia, which is for GPUs, its `Manager` and what that brings (run folders, requeueing), most of the
callbacks that it adds by itself (`SPARED_CALLBACKS`), and fastssl, which nothing here imports.

As its `forward` does, it embeds one view after the other, so that batch norm takes the statistics of each by
themselves; ours takes those of both together. What it does not do and ours does, all in its favour: LARS, a warm-up, a
check of every loss, a log and checkpoints; its head is given no batch norm, to be as ours. What it does otherwise: its
transforms keep what they drew, which goes into the batch; views differ from ours as lightly's do (`lightly_moco.py`).
Grey images stay so. Its `MoCov2` is no peer of ours: it takes colour alone, and embeds each query a second time.

The loop is Lightning's: `data_wait` is all the time between two steps.
"""

from __future__ import annotations

import math
import time
from typing import Any

import lightning
import numpy as np
import stable_pretraining as spt
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image
from shared_recipe import (
    EMBEDDING,
    FEATURES,
    LR,
    SGD_MOMENTUM,
    WEIGHT_DECAY,
    channels_of,
    make_backbone,
    make_loader,
    without_grey_axis,
)
from stable_pretraining import forward
from stable_pretraining.data import transforms
from timed_steps import WARM_UP_STEPS, Rate
from torch import Tensor, nn
from torch.utils.data import Dataset

TEMPERATURE = 0.5
NOTHING = 1e-6
"""For saturation and hue of grey images: at 0 its jitter fails."""
SPARED_CALLBACKS = (
    "progress_bar",
    "logging",
    "env_dump",
    "trainer_info",
    "module_summary",
    "slurm_info",
    "unused_params",
    "hf_checkpoint",
)
"""Of those that it adds to every Trainer by itself, the ones that would cost it time; "registry" its `Module` needs."""


class Pictures(Dataset):
    """PIL images of `[N, H, W]` or `[N, H, W, C]`, each in a tuple, as torchvision's data sets have them."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = without_grey_axis(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image.Image]:
        return (Image.fromarray(self.images[index]),)


def make_transform(size: int, channels: int, strength: dict[str, Any]) -> transforms.Compose:
    """One view; `strength` is what `starting.lightly_strength` gives. What would change nothing is left out."""
    s = {"hf_prob": 0.5, "min_scale": 0.2, **strength}
    steps = [transforms.RandomResizedCrop((size, size), scale=(s["min_scale"], 1.0))]
    if s["hf_prob"]:
        steps.append(transforms.RandomHorizontalFlip(s["hf_prob"]))
    if s.get("vf_prob"):
        steps.append(transforms.RandomVerticalFlip(s["vf_prob"]))
    if s.get("rr_prob"):
        steps.append(transforms.RandomRotation(s["rr_degrees"]))
    if s.get("cj_prob"):
        saturation, hue = (max(s[name], NOTHING) for name in ("cj_sat", "cj_hue"))
        steps.append(transforms.ColorJitter(s["cj_bright"], s["cj_contrast"], saturation, hue, p=s["cj_prob"]))
    if s.get("random_gray_scale"):
        steps.append(transforms.RandomGrayscale(s["random_gray_scale"]))
    if s.get("gaussian_blur"):
        steps.append(transforms.PILGaussianBlur(s["sigmas"], p=s["gaussian_blur"]))
    return transforms.Compose(*steps, transforms.ToImage(mean=[0.5] * channels, std=[0.5] * channels))


def make_views(images: np.ndarray, strength: dict[str, Any]) -> Dataset:
    """Items `{"views": [{"image": [C, S, S], ...}, {"image": ..., ...}]}`."""
    one, other = (make_transform(images.shape[1], channels_of(images), strength) for _ in range(2))
    transform = transforms.MultiViewTransform([one, other])
    return spt.data.FromTorchDataset(Pictures(images), names=["image"], transform=transform, add_sample_idx=False)


def make_module(channels: int) -> spt.Module:
    backbone = make_backbone(channels)
    return spt.Module(
        backbone=backbone,
        projector=nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.ReLU(inplace=True), nn.Linear(FEATURES, EMBEDDING)),
        forward=forward.simclr,
        simclr_loss=spt.losses.NTXEntLoss(temperature=TEMPERATURE),
        optim={
            "optimizer": {
                "type": "SGD",
                "lr": LR,
                "momentum": SGD_MOMENTUM,
                "weight_decay": WEIGHT_DECAY,
                "fused": True,
            },
        },
    )


class Clock(Callback):
    """Times `steps` steps after the warm-up, as `timed_steps.timed` does, and stops the run after `seconds`."""

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps, self.seconds = steps, seconds
        self.total_loss = torch.zeros(())
        self.done, self.waited = 0, 0.0
        self.warm = False
        self._begin = self._ended = math.nan

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._begin = self._ended = time.perf_counter()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.waited += time.perf_counter() - self._ended

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: dict[str, Tensor],
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.total_loss += outputs["loss"].detach()
        self.done += 1
        self._ended = time.perf_counter()
        over = self._ended - self._begin >= self.seconds
        if self.warm:
            trainer.should_stop = over or self.done >= self.steps
        elif over or self.done >= WARM_UP_STEPS:
            self.warm, self.done, self.waited, self._begin = True, 0, 0.0, self._ended

    def rate(self, batch_size: int) -> Rate:
        """Once the run is over."""
        taken = self._ended - self._begin
        return Rate(batch_size * self.done / taken, self.waited / taken, self.done)


def train(
    images: np.ndarray, *, batch_size: int, strength: dict[str, Any], bf16: bool, steps: int, seconds: float
) -> tuple[Rate, float]:
    """The rate, and the sum of all losses."""
    spt.set(verbose="WARNING", default_callbacks=dict.fromkeys(SPARED_CALLBACKS, False))
    module = make_module(channels_of(images))
    data = spt.data.DataModule(train=make_loader(make_views(images, strength), batch_size))
    clock = Clock(steps, seconds)
    trainer = lightning.Trainer(
        accelerator="cpu",
        precision="bf16-mixed" if bf16 else "32-true",
        max_epochs=-1,
        max_steps=WARM_UP_STEPS + steps,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=data)
    return clock.rate(batch_size), float(clock.total_loss)
