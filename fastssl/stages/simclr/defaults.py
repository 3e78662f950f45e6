"""How SimCLR is put together: temperature, two crops by size and channels, LARS or AdamW, a warm-up.

Covers: SimCLR's automatic values, each with its reason. The paper has two sets of values, for ImageNet at 224 pixels
and, in its appendix B.9, for CIFAR-10 at 32; images take those of the nearer one. Does not cover: the objective
(`objective.py`), the update of LARS (`lars.py`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from fastssl.models.encoder import EncoderSpec, feature_dim
from fastssl.pipelines import TwoCrops
from fastssl.stages.simclr.lars import LARS
from fastssl.stages.simclr.objective import SimCLR
from fastssl.stages.simclr.settings import SimCLRConfig, SimCLRSettings
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults
from fastssl.stages.temperature import temperature_problems

SMALL_IMAGE = 64
"""Sides in pixels up to which the values for CIFAR-10 count, above it those for ImageNet. The border is ours."""
SMALL_TEMPERATURE, LARGE_TEMPERATURE = 0.5, 0.1
SMALL_STRENGTH, LARGE_STRENGTH, GREY_STRENGTH = 0.5, 1.0, 0.25
MIN_CROP, GREY_MIN_CROP = 0.08, 0.4

LINEAR_FROM = 4096
"""Images per step from which LARS's rate grows linearly; there both of the paper's rules give 4.8."""
ADAMW_LR = 1e-3
WEIGHT_DECAY = {
    "adamw": (1e-4, "ours; biases and norms have none"),
    "lars": (1e-6, "SimCLR's; biases and norms have none"),
}
WARM_UP_EPOCHS, MOST_WARM_UP = 10, 0.1
FAST_STEPS, FAST_EPOCHS = 200, 2


class SimCLRDefaults(StageDefaults[SimCLRConfig, SimCLRSettings]):
    """Contrast of two crops of every image within the batch."""

    def encoder(self, *, on_cuda: bool) -> tuple[str, str]:
        if on_cuda:
            return "resnet50", "SimCLR's own"
        return "resnet18", "SimCLR's own, resnet50, takes nearly three times as long on a CPU"

    def automatic(self, config: SimCLRConfig, info: RunInfo, steps: int) -> Automatic:
        chosen, reason = auto_optimizer(batch_norm=info.batch_norm)
        optimizer = chosen if config.optimizer == "auto" else config.optimizer
        return {
            "optimizer": (chosen, reason),
            "lr": auto_lr(optimizer, config.batch_size),
            "weight_decay": WEIGHT_DECAY[optimizer],
            "warm_up": auto_warm_up(info.images // config.batch_size, steps),
            "temperature": auto_temperature(info.size),
            "strength": auto_strength(info.size, coloured=info.coloured),
            "min_crop": auto_min_crop(coloured=info.coloured),
        }

    def auto_steps(self, config: SimCLRConfig, steps_per_epoch: int) -> int:
        """Take two epochs in recipe fast, but 200 steps at least: what the speed-run was won with."""
        if config.recipe == "fast":
            return max(FAST_STEPS, FAST_EPOCHS * steps_per_epoch)
        return super().auto_steps(config, steps_per_epoch)

    def problems(self, config: SimCLRConfig, info: RunInfo) -> list[str]:
        return temperature_problems(config.temperature)

    def view(self, settings: SimCLRSettings, info: RunInfo) -> TwoCrops:
        """Take the paper's appendix A.

        Images without colour have no saturation, hue and greyscale; below 56 pixels there is no blur, as in B.9.
        """
        strength, coloured = settings.strength, info.coloured
        return TwoCrops(
            settings.size,
            info.channels,
            scale=(settings.min_crop, 1.0),
            brightness=0.8 * strength,
            contrast=0.8 * strength,
            saturation=0.8 * strength if coloured else 0.0,
            hue=0.2 * strength if coloured else 0.0,
            rgb=info.rgb,
        )

    def stage(self, settings: SimCLRSettings, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> SimCLR:
        return SimCLR(
            encoder,
            feature_dim(encoder, spec.in_channels, spec.size),
            batch_size=settings.batch_size // settings.accumulate,
            temperature=settings.temperature,
            seed=settings.seed,
        )

    def optimizer(self, settings: SimCLRSettings) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            weights = [p for p in parameters if p.ndim > 1]
            others = [p for p in parameters if p.ndim <= 1]  # biases and norms: neither decayed nor adapted
            if settings.optimizer == "lars":
                plain: dict[str, Any] = {"params": others, "weight_decay": 0.0, "adapt": False}
                return LARS([{"params": weights}, plain], lr=settings.lr, weight_decay=settings.weight_decay)
            groups = [
                {"params": weights, "weight_decay": settings.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ]
            return torch.optim.AdamW(groups, lr=settings.lr, fused=True)

        return make

    def warm_up_steps(self, settings: SimCLRSettings) -> int:
        return min(round(settings.warm_up * settings.steps), settings.steps - 1)


def auto_optimizer(*, batch_norm: bool) -> tuple[str, str]:
    """Choose the paper's LARS, also for small batches, or AdamW for encoders of another kind than the paper's.

    At 128 images per step LARS was no worse than AdamW on PneumoniaMNIST and better on BreastMNIST (360 and 200 steps,
    AUC of a linear probe on the validation split 0.983 and 0.911 against 0.982 and 0.859; one seed). MoCo v3 has LARS
    for a ResNet and AdamW for a ViT, too (Chen et al., arXiv 2104.02057).
    """
    if batch_norm:
        return "lars", "SimCLR's"
    return "adamw", "the encoder has no batch norm: as MoCo v3 trains a ViT"


def auto_lr(optimizer: str, batch_size: int) -> tuple[float, str]:
    """Follow the paper's rules for LARS: linear (section 2.2), or with the square root for small batches (B.1)."""
    if optimizer == "adamw":
        return ADAMW_LR, "ours: with AdamW, for any batch size"
    if batch_size < LINEAR_FROM:
        return 0.075 * math.sqrt(batch_size), f"0.075 x sqrt(batch), SimCLR's for under {LINEAR_FROM} images per step"
    return 0.3 * batch_size / 256, "0.3 x batch / 256, SimCLR's"


def auto_warm_up(steps_per_epoch: int, steps: int) -> tuple[float, str]:
    """Take the paper's ten epochs of a hundred and more, and as large a share of shorter runs."""
    share = WARM_UP_EPOCHS * max(1, steps_per_epoch) / steps
    return min(share, MOST_WARM_UP), f"share of the steps: {WARM_UP_EPOCHS} epochs as in SimCLR, at most a tenth"


def auto_temperature(size: int) -> tuple[float, str]:
    """Choose what the paper found best for images of about this size."""
    if size <= SMALL_IMAGE:
        return SMALL_TEMPERATURE, "SimCLR's for small images: its best on CIFAR-10, whatever the batch size"
    return LARGE_TEMPERATURE, "SimCLR's for ImageNet"


def auto_strength(size: int, *, coloured: bool) -> tuple[float, str]:
    """Choose the paper's strength where there is colour, and the weaker jitter of `TwoCrops` where there is none."""
    if not coloured:
        return GREY_STRENGTH, "ours, as for MoCo: grey levels mean something"
    if size <= SMALL_IMAGE:
        return SMALL_STRENGTH, "SimCLR's for CIFAR-10"
    return LARGE_STRENGTH, "SimCLR's for ImageNet"


def auto_min_crop(*, coloured: bool) -> tuple[float, str]:
    """Choose the paper's share of the area where there is colour, and that of `TwoCrops` where there is none."""
    if not coloured:
        return GREY_MIN_CROP, "ours, as for MoCo: without colours smaller crops could hardly be told apart"
    return MIN_CROP, "SimCLR's"
