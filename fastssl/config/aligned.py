"""Settings of `fastssl train --recipe aligned`.

Covers: names, types, ranges, what goes together, the settings of single stages that it does not take. Does not cover:
what "auto" becomes (`fastssl.recipes.aligned`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, model_validator

from .base import DATA, EVALUATION, LENGTH, MODEL, SEVERAL, Auto, AutoInt, Count, split_list
from .masked_images import MaskedImagesConfig, PatchSide
from .paths import DataText
from .train import DEMO, TrainConfig

BASELINES = IMAGENET, RANDOM = "imagenet", "random"
"""Candidates that cost no pre-training: what the others, which are stages, have to beat."""

_NOT_TAKEN = Parameter(parse=False)
"""Of settings that are each candidate's own: they are no options of this recipe."""


def _candidates(value: Any) -> Any:
    """Names, each once; none for "auto". Which stages there are is not known here."""
    given = split_list(value)
    if given in (None, [], ["auto"]):
        return ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) for item in given):
        raise ValueError("give names of stages, imagenet or random")
    if not set(given) - set(BASELINES):
        raise ValueError("give at least one stage to pre-train by")
    return tuple(dict.fromkeys(given))


class AlignedConfig(MaskedImagesConfig, TrainConfig):
    """Settings of `fastssl train --recipe aligned` and `fastssl.train(recipe="aligned", ...)`."""

    data: Annotated[str, DataText, Parameter(group=DATA, show_default=False)] = DEMO
    """Images to pre-train on (auto: demo, or patches of the training --images)."""
    size: Annotated[Annotated[int, Field(ge=8, le=4096)] | None, Auto, Parameter(group=DATA)] = None
    """Image side; of --images the short side (auto: as the data has it)."""
    stem: Annotated[
        Literal["auto", "standard", "small"], Parameter(group=MODEL, show_default=False, show_choices=False)
    ] = "auto"
    """First layers of a ResNet, standard or small: 3x3, stride 1, no max-pool."""
    encoder: Annotated[str, Parameter(group=MODEL)] = "auto"
    """Encoder of every method: any timm model (auto: resnet18)."""
    minutes: Annotated[Annotated[float, Field(gt=0)] | None, Parameter(group=LENGTH)] = None
    """Minutes of pre-training for all methods together (auto: 4 for each)."""
    steps: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length of every stage in steps, instead of equal times."""
    patch: Annotated[PatchSide, Parameter(group=LENGTH)] = None
    """Side of patches of --images in pixels, or whole (auto: 64, if images hold it)."""

    task: Annotated[
        Literal["auto", "classification", "segmentation"],
        Parameter(group=EVALUATION, show_choices=False, show_default=False),
    ] = "auto"
    """Classification or segmentation (auto: the latter if --masks are given)."""
    candidates: Annotated[
        tuple[str, ...], BeforeValidator(_candidates), SEVERAL, Parameter(group=EVALUATION, show_default=False)
    ] = ()
    """Some of moco, simclr, pretext, tower, vae, imagenet, random (auto: all)."""
    shots: Annotated[Count, Parameter(group=EVALUATION)] = 10
    """Labelled images per class in a draw (few-shot AUC)."""
    draws: Annotated[AutoInt, Parameter(group=EVALUATION)] = None
    """Draws of labelled images (auto: 10), or of random decoders (auto: 3)."""
    proxy_steps: Annotated[Count, Parameter(group=EVALUATION)] = 100
    """Steps of a decoder on the frozen encoder (Dice)."""
    margin: Annotated[Annotated[float, Field(ge=0)] | None, Auto, Parameter(group=EVALUATION)] = None
    """Least lead that pays (auto: its standard error, at least 0.01)."""
    finetune: Annotated[Literal["winner", "all", "none"], Parameter(group=EVALUATION, show_choices=False)] = "winner"
    """Who is fine-tuned in the end: winner, all or none."""
    finetune_epochs: Annotated[AutoInt, Parameter(group=EVALUATION)] = None
    """Longest fine-tuning (auto: 100; segmentation: 200)."""
    finetune_trials: Annotated[AutoInt, Parameter(group=EVALUATION)] = None
    """Fine-tunings of each candidate (auto: 3; segmentation: 1)."""

    epochs: Annotated[None, _NOT_TAKEN] = None
    """Not taken: equal epochs are not equal times."""
    init: Annotated[None, _NOT_TAKEN] = None
    """Not taken: every method starts from the same random weights."""
    freeze: Annotated[Literal[0], _NOT_TAKEN] = 0
    """Not taken: random weights are not worth keeping."""
    lr: Annotated[None, _NOT_TAKEN] = None
    """Not taken: every method has its own."""
    lr_decay: Annotated[Literal[1], _NOT_TAKEN] = 1
    """Not taken: it is for weights that were trained before."""
    weight_decay: Annotated[None, _NOT_TAKEN] = None
    """Not taken: every method has its own."""
    accumulate: Annotated[Literal[1], _NOT_TAKEN] = 1
    """Not taken: methods that contrast within a batch would be other methods."""

    @model_validator(mode="after")
    def _one_task(self) -> AlignedConfig:
        folders = {"images": self.images, "masks": self.masks}
        given = [name for name, folder in folders.items() if folder is not None]
        wrong = [f"{name} missing: images and masks are given together" for name in folders if name not in given]
        wrong = wrong if given else []
        if given and self.task == "classification":
            wrong.append(f"task=classification and {given[0]} both given: masks are for segmentation")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def segments(self) -> bool:
        """Whether the target is segmentation."""
        return self.task == "segmentation" or (self.task == "auto" and self.images is not None)
