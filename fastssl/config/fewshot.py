"""Settings of `fastssl fewshot`.

Covers: names, types, ranges, what goes together. Does not cover: what "auto" becomes
(`fastssl.evaluation.fewshot.run`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import AfterValidator, Field, model_validator

from .base import DATA, EVALUATION, RUN, SPEED, Auto, AutoFloat, Count, ListOf
from .baselines import Baselines
from .data import DataConfig
from .paths import DataText, PathSetting


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(values)))


class FewshotConfig(DataConfig):
    """Settings of `fastssl fewshot RUN ...` and `fastssl.fewshot(runs, ...)`.

    data and data_root default to the first run's own; every encoder sees images at its own size.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: what the first run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: each encoder's own)."""

    shots: Annotated[ListOf[Count], AfterValidator(_ascending), Field(min_length=1), Parameter(group=EVALUATION)] = (
        1,
        5,
        10,
        20,
        50,
    )
    """Numbers of labelled images per class."""
    seeds: Annotated[Count, Parameter(group=EVALUATION)] = 10
    """Draws of labelled images, seeded SEED, SEED+1, ..."""
    l2: Annotated[AutoFloat, Parameter(group=EVALUATION)] = None
    """L2 penalty on the mean loss (auto: 1 / images, scikit-learn's C = 1)."""
    pixels: Annotated[bool, Parameter(group=EVALUATION)] = True
    """Compare with classifiers on raw pixels."""
    random: Annotated[bool, Parameter(group=EVALUATION)] = True
    """Compare with the first run's encoder before training."""
    imagenet: Annotated[str, Parameter(group=EVALUATION)] = "auto"
    """Compare with this timm model's ImageNet weights, or none (auto: EfficientNet-Lite0, if its weights are here)."""
    imagenet_weights: Annotated[PathSetting | None, Parameter(group=EVALUATION)] = None
    """File of the ImageNet weights (auto: from a package or the hub)."""
    imagenet_size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=EVALUATION)] = None
    """Image side of the ImageNet encoder (auto: as the first run, at least 128)."""
    baseline: Baselines = ()
    """Compare with these timm models: timm:NAME, timm:NAME@SIZE, timm:NAME=FILE."""

    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images per step while features are extracted."""

    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(group=RUN)] = 0
    """Seed of the first draw, and of what is held out of train where there is no test split."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Folder of report/ (auto: the first run's)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> FewshotConfig:
        if self.imagenet_weights is not None and self.imagenet in ("auto", "none"):
            raise ValueError("imagenet_weights given without imagenet: name the timm model that they belong to")
        return self
