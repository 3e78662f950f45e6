"""Settings of `fastssl probe`.

Covers: names, types, ranges, what goes together. Does not cover: what "auto" becomes (`fastssl.evaluation.probe.run`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import Field, model_validator

from .base import DATA, EVALUATION, RUN, SPEED, Auto, Count
from .baselines import Baselines
from .data import DataConfig
from .paths import DataText, PathSetting


class ProbeConfig(DataConfig):
    """Settings of `fastssl probe RUN` and `fastssl.probe(run, ...)`.

    data and data_root default to the run's own, the size to its encoder's.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: what the run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: the encoder's)."""
    imagenet: Annotated[str, Parameter(group=EVALUATION)] = "auto"
    """Compare with this timm model's ImageNet weights, or none (auto: EfficientNet-Lite0, if its weights are here)."""
    imagenet_weights: Annotated[PathSetting | None, Parameter(group=EVALUATION)] = None
    """File of the ImageNet weights (auto: from a package or the hub)."""
    imagenet_size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=EVALUATION)] = None
    """Image side of the ImageNet encoder (auto: as the run, at least 128)."""
    baseline: Baselines = ()
    """Compare with these timm models: timm:NAME, timm:NAME@SIZE, timm:NAME=FILE."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images per step while features are extracted."""
    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(group=RUN)] = 0
    """Seed of what is held out of train where val or test is missing, and of random init where the run has none."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> ProbeConfig:
        if self.imagenet_weights is not None and self.imagenet in ("auto", "none"):
            raise ValueError("imagenet_weights given without imagenet: name the timm model that they belong to")
        return self
