"""The settings of TOWER.

Covers: what may be asked for, and the same once resolved. Does not cover: what "auto" becomes (`defaults.py`), the
settings that all stages have (`fastssl.config.train`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from fastssl.config.base import AutoFloat, AutoShare, ListOf, subset_of
from fastssl.config.train import TrainConfig, TrainingSettings, stage_group

_BOX = stage_group("TOWER")


class TowerConfig(TrainConfig):
    """What may be asked of TOWER."""

    stage: Literal["tower"] = "tower"
    terms: Annotated[ListOf[str], subset_of("contrastive", "generative"), Parameter(group=_BOX)] = (
        "contrastive",
        "generative",
    )
    """Terms of the loss: contrastive, generative or both."""
    temperature: Annotated[AutoFloat, Parameter(group=_BOX)] = None
    """Temperature of the contrastive softmax (auto: 0.1)."""
    transforms: Annotated[ListOf[str], subset_of("bezier", "mask"), Parameter(group=_BOX)] = ("bezier", "mask")
    """Transforms of the image: bezier, mask or both."""
    mask: Annotated[Literal["auto", "ray", "stripe", "block"], Parameter(group=_BOX)] = "auto"
    """Shape of the mask (auto: by the data's modality)."""
    mask_ratio: Annotated[AutoShare, Parameter(group=_BOX)] = None
    """Share of the pixels that is masked (auto: 0.5; rays 0.6)."""
    curves: Annotated[Literal["fixed", "random"], Parameter(group=_BOX)] = "fixed"
    """Bezier curves: TOWER's six, or random as in Models Genesis."""


class TowerSettings(TrainingSettings, TowerConfig):
    """The settings of a TOWER run.

    temperature, mask and mask_ratio are None or "auto" where the terms or the transforms do without them.
    """

    stage: Literal["tower"] = "tower"
