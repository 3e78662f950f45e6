"""How the VAE is put together: a ConvNeXt and a convolutional decoder, gentle crops, AdamW.

Covers: the VAE's automatic values, each with its reason. Does not cover: the objective (`objective.py`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fastssl.models.encoder import EncoderSpec, feature_dim
from fastssl.models.vae_decoder import ConvDecoder
from fastssl.pipelines import RandomCrop
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults
from fastssl.stages.vae.objective import VAE
from fastssl.stages.vae.settings import VAEConfig, VAESettings

LR = 1e-3
WEIGHT_DECAY = 0.05
PIXEL_STD = 0.2
"""Of the likelihood, on the scale of normalised pixels, [-1, 1]: a tenth of the grey range."""


class VAEDefaults(StageDefaults[VAEConfig, VAESettings]):
    """A variational autoencoder on one gentle crop of every image."""

    def encoder(self, *, on_cuda: bool) -> tuple[str, str]:
        if on_cuda:
            return "convnext_tiny", "the stage's own"
        return "convnext_atto", "the stage's own, convnext_tiny, takes three times as long on a CPU"

    def automatic(self, config: VAEConfig, info: RunInfo, steps: int) -> Automatic:
        return {
            "lr": (LR, "with AdamW and a cosine, for any batch size"),
            "weight_decay": (WEIGHT_DECAY, "ConvNeXt's; biases and norms have none"),
        }

    def view(self, settings: VAESettings, info: RunInfo) -> RandomCrop:
        return RandomCrop(settings.size, info.channels)

    def stage(self, settings: VAESettings, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> VAE:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            decoder = ConvDecoder(settings.latent_dim, spec.in_channels, spec.size)
        return VAE(
            encoder,
            decoder,
            feature_dim(encoder, spec.in_channels, spec.size),
            settings.latent_dim,
            pixel_std=PIXEL_STD,
            beta=settings.beta,
            warmup_steps=round(settings.beta_warmup * settings.steps),
            seed=settings.seed,
        )

    def optimizer(self, settings: VAESettings) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            groups: list[dict[str, Any]] = [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ]
            return torch.optim.AdamW(groups, lr=settings.lr, fused=True)

        return make
