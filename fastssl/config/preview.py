"""Settings of `fastssl preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, field_validator, model_validator

from .base import DATA, OBJECTIVE, RUN, Count, DataConfig
from .train import TrainConfig

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
_Listed = BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)

STAGES: tuple[str, ...] = ("all", *get_args(TrainConfig.model_fields["stage"].annotation))


class PreviewConfig(DataConfig):
    """Settings of `fastssl preview` and `fastssl.preview(...)`; of a RUN, data, root, size and seed are its own."""

    stage: Annotated[str, Parameter(group=OBJECTIVE)] = "all"
    """What a stage sees: moco, pretext, tower, vae, or all views."""
    views: Annotated[tuple[ViewName, ...], _Listed, Parameter(group=OBJECTIVE, consume_multiple=True, negative="")] = ()
    """Views by name, instead of a stage's."""
    mask: Annotated[Literal["auto", "ray", "stripe", "block"], Parameter(group=OBJECTIVE)] = "auto"
    """Shape of TOWER's mask (auto: by the data's modality)."""
    mask_ratio: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, Parameter(group=OBJECTIVE)] = None
    """Masked share of the pixels (auto: each mask's own)."""
    checkpoint: Annotated[bool, Parameter(group=OBJECTIVE, negative="", show_default=False)] = False
    """Show what the trained RUN makes of the images."""
    data: Annotated[str | None, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """As for train (auto: demo, or what the RUN was trained on)."""
    images: Annotated[Annotated[Count, Field(le=16)], Parameter(group=DATA)] = 6
    """How many, from the first an epoch brings."""
    epoch: Annotated[Annotated[int, Field(ge=0)], Parameter(group=DATA)] = 0
    """Which epoch, counted from 0."""
    out: Annotated[Path | None, Parameter(group=RUN)] = None
    """The PNG (auto: preview.png, or RUN/report/preview.png)."""

    @field_validator("stage")
    @classmethod
    def _is_a_stage(cls, stage: str) -> str:
        if stage not in STAGES:
            raise ValueError(f"give one of {', '.join(STAGES)}")
        return stage

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PreviewConfig:
        if self.views and self.stage != "all":
            raise ValueError("stage and views both given: give one")
        return self
