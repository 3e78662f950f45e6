"""How Barlow Twins is put together: length of an embedding by device, two crops, AdamW.

Covers: automatic values, each with its reason, view, stage and optimiser. Does not cover: the objective
(`objective.py`).
"""

from __future__ import annotations

import torch
from torch import nn

from fastssl.models.encoder import EncoderSpec, feature_dim
from fastssl.pipelines import TwoCrops
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults

from .objective import BarlowTwins
from .settings import BarlowTwinsConfig, BarlowTwinsSettings


class BarlowTwinsDefaults(StageDefaults[BarlowTwinsConfig, BarlowTwinsSettings]):
    """Correlation of two crops of every image."""

    def automatic(self, config: BarlowTwinsConfig, info: RunInfo, steps: int) -> Automatic:
        on_cpu = (1024, "a CPU takes too long for the paper's 8192")
        return {
            "lr": (1e-3, "ours, with AdamW"),
            "weight_decay": (1e-4, "ours, with AdamW"),
            "embedding_dim": (8192, "the paper's") if info.on_cuda else on_cpu,
        }

    def view(self, settings: BarlowTwinsSettings, info: RunInfo) -> TwoCrops:
        return TwoCrops(settings.size, info.channels)

    def stage(self, settings: BarlowTwinsSettings, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> BarlowTwins:
        return BarlowTwins(
            encoder,
            feature_dim(encoder, spec.in_channels, spec.size),
            embedding_dim=settings.embedding_dim,
            redundancy_weight=settings.redundancy_weight,
            seed=settings.seed,
        )

    def optimizer(self, settings: BarlowTwinsSettings) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)

        return make

    def warm_up_steps(self, settings: BarlowTwinsSettings) -> int:
        return settings.steps // 10
