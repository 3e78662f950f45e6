"""The settings of MoCo.

Covers: what may be asked for, and the same once resolved. Does not cover: what "auto" becomes (`defaults.py`), the
settings that all stages have (`fastssl.config.train`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from fastssl.config.base import Auto, AutoFloat, AutoInt
from fastssl.config.train import TrainConfig, TrainingSettings, stage_group

_BOX = stage_group("MoCo")


class MoCoConfig(TrainConfig):
    """What may be asked of MoCo."""

    stage: Literal["moco"] = "moco"
    temperature: Annotated[AutoFloat, Parameter(group=_BOX)] = None
    """Temperature of the contrastive softmax (auto: 0.2)."""
    queue_size: Annotated[AutoInt, Parameter(group=_BOX)] = None
    """Negatives kept in the queue (auto: min(65536, half the images))."""
    queue_init: Annotated[Literal["keys", "random"], Parameter(group=_BOX, show_default=False)] = "keys"
    """The queue at the start: keys of images, or noise."""
    momentum: Annotated[Annotated[float, Field(ge=0, lt=1)] | None, Auto, Parameter(group=_BOX)] = None
    """Momentum of the key encoder (auto: 0.99 in short runs, else 0.999)."""
    bn_splits: Annotated[AutoInt, Parameter(group=_BOX)] = None
    """Groups of a batch that batch norm sees apart (auto: of 64 images)."""
    rotation: Annotated[Annotated[float, Field(ge=0, le=180)] | None, Auto, Parameter(group=_BOX)] = None
    """Largest rotation of a crop, in degrees (auto: 0; mtcp: 15)."""


class MoCoSettings(TrainingSettings, MoCoConfig):
    """The settings of a MoCo run."""

    stage: Literal["moco"] = "moco"
    temperature: float
    queue_size: int
    momentum: float
    bn_splits: int
    rotation: float
