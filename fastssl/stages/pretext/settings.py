"""The settings of the multi-pretext stage.

Covers: what may be asked for, and the same once resolved. Does not cover: what "auto" becomes (`defaults.py`), the
settings that all stages have (`fastssl.config.train`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, field_validator

from fastssl.config.base import DATA, Auto, ListOf, subset_of, weights_for
from fastssl.config.paths import DataText
from fastssl.config.train import DEMO_COLOUR, TrainConfig, TrainingSettings, stage_group

TASK_NAMES = ("jigsaw", "inpaint", "colorize")

_BOX = stage_group("Pretext")


class PretextConfig(TrainConfig):
    """What may be asked of the multi-pretext stage."""

    stage: Literal["pretext"] = "pretext"
    data: Annotated[str, DataText, Parameter(group=DATA, show_default=False)] = DEMO_COLOUR
    """A MedMNIST flag, an .npz file or a folder, in colour (auto: demo-colour)."""
    tasks: Annotated[ListOf[str], subset_of(*TASK_NAMES), Parameter(group=_BOX)] = TASK_NAMES
    """Tasks to train on, one or more."""
    task_mode: Annotated[Literal["one", "all"], Parameter(group=_BOX)] = "one"
    """One random task per step, or all."""
    task_weights: Annotated[ListOf[str], weights_for(*TASK_NAMES), Parameter(group=_BOX)] = ()
    """How often a task is drawn, or its share of the sum, as jigsaw=2 (else 1)."""
    patch: Annotated[Annotated[float, Field(gt=0)] | None, Auto, Parameter(group=_BOX)] = None
    """Side of the missing centre in pixels (auto: half the image's)."""
    freeze_bn: Annotated[bool, Parameter(group=_BOX, negative="", show_default=False)] = False
    """Keep the statistics that the encoder's batch norms start with."""

    @field_validator("patch")
    @classmethod
    def _whole_pixels(cls, patch: float | None) -> float | None:
        if patch is not None and patch >= 1 and patch != int(patch):
            raise ValueError("give whole pixels")
        return patch


class PretextSettings(TrainingSettings, PretextConfig):
    """The settings of a multi-pretext run."""

    stage: Literal["pretext"] = "pretext"
    patch: int
