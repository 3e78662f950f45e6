"""Settings of `fastssl preview`.

Covers: names, types, ranges, what goes together. Does not cover: which stages there are (`fastssl.stages.registry`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from cyclopts import Parameter
from pydantic import Field, model_validator

from .base import DATA, OBJECTIVE, RUN, Alternatives, Auto, Count, ListOf
from .data import DataConfig
from .paths import DataText, PathSetting

ViewName = Literal[
    "plain",
    "random_crop",
    "two_crops",
    "colorization",
    "centre_patch",
    "jigsaw",
    "bezier",
    "block_mask",
    "stripe_mask",
    "ray_mask",
    "tower",
    "models_genesis",
]


class PreviewConfig(DataConfig):
    """Settings of `fastssl preview` and `fastssl.preview(...)`; a RUN has its own data, data_root, size and seed."""

    alternatives: ClassVar[Alternatives] = (*DataConfig.alternatives, ("stage", "views"))

    stage: Annotated[str, Parameter(group=OBJECTIVE)] = "all"
    """Stage whose views are drawn (a name that train takes), or all views."""
    views: Annotated[ListOf[ViewName], Parameter(group=OBJECTIVE)] = ()
    """Views by name, instead of a stage's."""
    mask: Annotated[Literal["auto", "ray", "stripe", "block"], Parameter(group=OBJECTIVE)] = "auto"
    """Shape of TOWER's mask (auto: by the data's modality)."""
    mask_ratio: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, Auto, Parameter(group=OBJECTIVE)] = None
    """Masked share of the pixels (auto: each mask's own)."""
    checkpoint: Annotated[bool, Parameter(group=OBJECTIVE, negative="", show_default=False)] = False
    """Show what the trained RUN makes of the images."""
    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: demo, or what the RUN was trained on)."""
    images: Annotated[Annotated[Count, Field(le=16)], Parameter(group=DATA)] = 6
    """How many images are drawn, from the first of the epoch."""
    epoch: Annotated[Annotated[int, Field(ge=0)], Parameter(group=DATA)] = 0
    """Epoch whose random values are drawn, counted from 0."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """File of the PNG (auto: preview.png, or RUN/report/preview.png)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PreviewConfig:
        if self.views and self.stage != "all":
            raise ValueError("stage and views both given: give one")
        return self
