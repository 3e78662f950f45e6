"""VAE: a variational autoencoder whose encoder is kept."""

from __future__ import annotations

from fastssl.stages.entry import StageEntry

from .settings import VAEConfig, VAESettings

STAGE = StageEntry(
    title="VAE",
    config=VAEConfig,
    settings=VAESettings,
    defaults="fastssl.stages.vae.defaults:VAEDefaults",
    next_command="finetune {run} --frozen",
)
