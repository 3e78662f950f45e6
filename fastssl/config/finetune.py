"""Settings of `fastssl finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, model_validator

from .base import DATA, EVALUATION, LENGTH, RUN, SPEED, Auto, AutoFloat, AutoInt, AutoSwitch, Count, DataConfig


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, (int, float)) else value


_Fractions = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], BeforeValidator(_listed), Field(min_length=1)]


class FinetuneConfig(DataConfig):
    """Settings of `fastssl finetune RUN ...` and `fastssl.finetune(runs, ...)`; data and root default to the first
    run's own, the size to the first encoder's."""

    data: Annotated[str | None, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """As for train (auto: what the first run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: the first encoder's)."""

    label_fraction: Annotated[_Fractions, Parameter(group=EVALUATION, consume_multiple=True, negative="")] = (1.0,)
    """Shares of the training labels, as in 1.0 0.1 0.01."""
    trials: Annotated[Count, Parameter(group=EVALUATION)] = 3
    """Trainings per encoder and share, seeded SEED, SEED+1, ..."""
    frozen: Annotated[bool, Parameter(group=EVALUATION, negative="", show_default=False)] = False
    """Train the classifier only, on features extracted once."""
    classifier: Annotated[Literal["linear", "mlp"], Parameter(group=EVALUATION)] = "linear"
    """mlp: one hidden layer of 256."""
    imagenet: Annotated[str | None, Parameter(group=EVALUATION)] = None
    """A timm model with ImageNet weights to compare with."""
    weights: Annotated[Path | None, Parameter(group=EVALUATION)] = None
    """File of its weights (else a package, or the hub)."""
    imagenet_size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=EVALUATION)] = None
    """Side that it sees images at (auto: the runs'; frozen: at least 128)."""

    epochs: Annotated[Count, Parameter(group=LENGTH)] = 100
    """Longest training."""
    patience: Annotated[AutoInt, Parameter(group=LENGTH)] = None
    """Epochs without a better one (auto: 30; frozen: all)."""
    lr: Annotated[AutoFloat, Parameter(group=LENGTH)] = None
    """Adam's peak (auto: 2e-4 end to end, 1e-3 frozen)."""
    weight_decay: Annotated[float, Field(ge=0), Parameter(group=LENGTH)] = 0.0
    """Of every trained weight."""
    batch_size: Annotated[Annotated[int, Field(ge=2)] | None, Auto, Parameter(group=LENGTH)] = None
    """Images a step (auto: 128, fewer for few images)."""
    augment: Annotated[bool, Parameter(group=LENGTH)] = True
    """Crop and flip (end to end only)."""
    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """torch.compile the step, end to end only (auto: off, trials are short)."""

    out: Annotated[Path | None, Parameter(group=RUN)] = None
    """Folder of report/ (auto: the first run's)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> FinetuneConfig:
        if self.weights is not None and self.imagenet is None:
            raise ValueError("weights given without imagenet: name the timm model that they belong to")
        if self.imagenet_size is not None and self.imagenet is None:
            raise ValueError("imagenet_size given without imagenet: name the timm model that sees them so")
        return self
