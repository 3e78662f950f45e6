"""Settings of stage simclr.

Covers: what may be asked for, and the same once resolved. Does not cover: what "auto" becomes (`defaults.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from fastssl.config.base import Auto, AutoFloat
from fastssl.config.train import TrainConfig, TrainingSettings, stage_group

_BOX = stage_group("SimCLR")


class SimCLRConfig(TrainConfig):
    """What may be asked of SimCLR."""

    stage: Literal["simclr"] = "simclr"
    temperature: Annotated[AutoFloat, Parameter(group=_BOX)] = None
    """Temperature of the contrastive softmax (auto: 0.5; over 64 px 0.1)."""
    strength: Annotated[Annotated[float, Field(ge=0, le=1)] | None, Auto, Parameter(group=_BOX)] = None
    """Strength of colour jitter (auto: 0.5; over 64 px 1; grey images 0.25)."""
    min_crop: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, Auto, Parameter(group=_BOX)] = None
    """Least share of the area in a crop (auto: 0.08; grey images 0.4)."""
    optimizer: Annotated[Literal["auto", "lars", "adamw"], Parameter(group=_BOX)] = "auto"
    """Optimiser (auto: lars; adamw for encoders without batch norm)."""
    warm_up: Annotated[Annotated[float, Field(ge=0, lt=1)] | None, Auto, Parameter(group=_BOX)] = None
    """Share of the steps in which lr rises (auto: 10 epochs, at most 0.1)."""


class SimCLRSettings(TrainingSettings, SimCLRConfig):
    """The settings of a SimCLR run."""

    stage: Literal["simclr"] = "simclr"
    temperature: float
    strength: float
    min_crop: float
    optimizer: Literal["lars", "adamw"]
    warm_up: float
