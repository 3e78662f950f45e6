"""Settings of `fastssl finetune`.

Covers: names, types, ranges, what goes together. Does not cover: what "auto" becomes
(`fastssl.evaluation.finetune.recipe`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, model_validator

from .base import DATA, EVALUATION, LENGTH, RUN, SPEED, Auto, AutoFloat, AutoInt, AutoSwitch, Count, ListOf
from .baselines import Baselines
from .data import DataConfig
from .paths import DataText, PathSetting

Share = Annotated[float, Field(gt=0, le=1)]


class FinetuneConfig(DataConfig):
    """Settings of `fastssl finetune RUN ...` and `fastssl.finetune(runs, ...)`.

    data and data_root default to the first run's own, the size to the first encoder's.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: what the first run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: the first encoder's)."""

    label_fraction: Annotated[ListOf[Share], Field(min_length=1), Parameter(group=EVALUATION)] = (1.0,)
    """Shares of the training labels, such as 1.0 0.1 0.01."""
    trials: Annotated[Count, Parameter(group=EVALUATION)] = 3
    """Trainings per encoder and share, seeded SEED, SEED+1, ..."""
    frozen: Annotated[bool, Parameter(group=EVALUATION, negative="", show_default=False)] = False
    """Train the classifier only, on features extracted once."""
    encoder: Annotated[str, Parameter(group=EVALUATION)] = "auto"
    """timm model of the run random (auto: resnet18)."""
    classifier: Annotated[Literal["linear", "mlp"], Parameter(group=EVALUATION)] = "linear"
    """Classifier on the features; mlp has one hidden layer of 256."""
    imagenet: Annotated[str | None, Parameter(group=EVALUATION)] = None
    """Compare with this timm model's ImageNet weights."""
    imagenet_weights: Annotated[PathSetting | None, Parameter(group=EVALUATION)] = None
    """File of the ImageNet weights (auto: from a package or the hub)."""
    imagenet_size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=EVALUATION)] = None
    """Image side of the ImageNet encoder (auto: the runs'; frozen: at least 128)."""
    baseline: Baselines = ()
    """Compare with these timm models: timm:NAME, timm:NAME@SIZE, timm:NAME=FILE."""

    epochs: Annotated[Count, Parameter(group=LENGTH)] = 100
    """Longest training, and the length of the cosine."""
    patience: Annotated[AutoInt, Parameter(group=LENGTH)] = None
    """Epochs without a better validation AUC before stopping (auto: 30; frozen: never stop)."""
    lr: Annotated[AutoFloat, Parameter(group=LENGTH)] = None
    """Peak learning rate of Adam (auto: 2e-4 end to end, 1e-3 frozen)."""
    weight_decay: Annotated[float, Field(ge=0), Parameter(group=LENGTH)] = 0.0
    """Weight decay of every trained weight."""
    batch_size: Annotated[Annotated[int, Field(ge=2)] | None, Auto, Parameter(group=LENGTH)] = None
    """Images per step (auto: 128, fewer for few images)."""
    augment: Annotated[bool, Parameter(group=LENGTH)] = True
    """Crop and flip images (end to end only)."""
    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """Compile the step by torch.compile, end to end only (auto: off, trials are short)."""

    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Folder of report/ (auto: the first run's)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> FinetuneConfig:
        wrong = []
        if self.imagenet_weights is not None and self.imagenet is None:
            wrong.append("imagenet_weights given without imagenet: name the timm model that they belong to")
        if self.imagenet_size is not None and self.imagenet is None:
            wrong.append("imagenet_size given without imagenet: name the timm model that sees them so")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
