"""Settings of stage barlow_twins.

Covers: what may be asked for, and the same once resolved. Does not cover: what "auto" becomes (`defaults.py`).
Torch-free, as the command line reads it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from fastssl.config.base import AutoInt
from fastssl.config.train import TrainConfig, TrainingSettings, stage_group

_BOX = stage_group("Barlow Twins")


class BarlowTwinsConfig(TrainConfig):
    """What may be asked of Barlow Twins."""

    stage: Literal["barlow_twins"] = "barlow_twins"
    redundancy_weight: Annotated[float, Field(gt=0), Parameter(group=_BOX)] = 0.005
    """Weight of the off-diagonal correlations."""
    embedding_dim: Annotated[AutoInt, Parameter(group=_BOX)] = None
    """Length of an embedding (auto: 8192; on a CPU 1024)."""


class BarlowTwinsSettings(TrainingSettings, BarlowTwinsConfig):
    """The settings of a Barlow Twins run."""

    stage: Literal["barlow_twins"] = "barlow_twins"
    embedding_dim: int
