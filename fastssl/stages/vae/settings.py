"""The settings of the VAE.

Covers: what may be asked for, and the same once resolved. Does not cover: what "auto" becomes (`defaults.py`), the
settings that all stages have (`fastssl.config.train`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from fastssl.config.base import Count
from fastssl.config.train import TrainConfig, TrainingSettings, stage_group

_BOX = stage_group("VAE")


class VAEConfig(TrainConfig):
    """What may be asked of the VAE."""

    stage: Literal["vae"] = "vae"
    latent_dim: Annotated[Count, Parameter(group=_BOX)] = 256
    """Length of the latent vector."""
    beta: Annotated[float, Field(ge=0), Parameter(group=_BOX)] = 1.0
    """Weight of the KL term (1: the ELBO itself)."""
    beta_warmup: Annotated[float, Field(ge=0, le=1), Parameter(group=_BOX)] = 0.1
    """Share of the steps in which beta rises to its value."""


class VAESettings(TrainingSettings, VAEConfig):
    """The settings of a VAE run."""

    stage: Literal["vae"] = "vae"
