"""Settings of `fastssl train`."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, model_validator

from .base import (
    DATA,
    LENGTH,
    MOCO,
    MODEL,
    OBJECTIVE,
    PRETEXT,
    RUN,
    SPEED,
    TOWER,
    VAE,
    Auto,
    AutoFloat,
    AutoInt,
    AutoShare,
    AutoSwitch,
    Count,
    DataConfig,
    some_of,
    weights_of,
)

TASK_NAMES = ("jigsaw", "inpaint", "colorize")
"""Of the pretext tasks."""

RECIPE_STAGES = {"mtcp": ("moco", "pretext"), "tower": ("tower",), "vae": ("vae",)}
"""The stages of each recipe, in order."""

DEMO, DEMO_COLOUR = "demo", "demo-colour"
"""The built-in data sets, of one channel and of three."""

COLOUR_TASKS = ("pretext", "mtcp")
"""Stages and recipes that colorize, and so are trained on the demo set in colour unless told otherwise."""

# The box that holds the settings of one stage alone.
STAGE_GROUPS = {"moco": MOCO, "pretext": PRETEXT, "tower": TOWER, "vae": VAE}


class TrainConfig(DataConfig):
    """Settings of `fastssl train` and `fastssl.train(...)`."""

    data: Annotated[str, Parameter(group=DATA, show_default=False)] = DEMO
    """A MedMNIST flag, .npz file or folder (auto: demo; pretext, mtcp: demo-colour)."""

    stage: Annotated[Literal["moco", "pretext", "tower", "vae"], Parameter(group=OBJECTIVE)] = "moco"
    """What to train."""
    recipe: Annotated[Literal["mtcp", "tower", "vae"] | None, Parameter(group=OBJECTIVE)] = None
    """Stages in order, then their evaluation."""
    encoder: Annotated[str, Parameter(group=MODEL)] = "auto"
    """Any timm model name (auto: the stage's own)."""
    stem: Annotated[Literal["auto", "standard", "small"], Parameter(group=MODEL, show_default=False)] = "auto"
    """small: 3x3, stride 1, no max-pool (ResNets)."""
    init: Annotated[Path | None, Parameter(group=MODEL)] = None
    """Weights to start from (.safetensors or .pth, timm's keys, or a run)."""

    batch_size: Annotated[int, Field(ge=2), Parameter(group=LENGTH)] = 128
    """Images a step."""
    epochs: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length of the run and its schedule (auto: 100; demo data: --minutes 4)."""
    steps: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length in steps, instead of epochs."""
    minutes: Annotated[Annotated[float, Field(gt=0)] | None, Parameter(group=LENGTH)] = None
    """Time budget as length: steps follow the pace (a recipe: of all stages)."""
    stop_after: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """End this invocation after N steps; the schedule stays."""
    lr: Annotated[AutoFloat, Parameter(group=LENGTH)] = None
    """Peak learning rate (auto: by stage, batch size, length)."""
    weight_decay: Annotated[Annotated[float, Field(ge=0)] | None, Auto, Parameter(group=LENGTH)] = None
    """Of every trained weight (auto: the stage's own)."""
    temperature: Annotated[AutoFloat, Parameter(group=LENGTH)] = None
    """Of a contrastive softmax (auto: 0.2 in MoCo, 0.1 in TOWER)."""

    queue_size: Annotated[AutoInt, Parameter(group=MOCO)] = None
    """Negatives kept (auto: min(65536, half the images))."""
    queue_init: Annotated[Literal["keys", "random"], Parameter(group=MOCO)] = "keys"
    """Its start: keys of images, or noise."""
    momentum: Annotated[Annotated[float, Field(ge=0, lt=1)] | None, Auto, Parameter(group=MOCO)] = None
    """Of the key encoder (auto: 0.99 in short runs, else 0.999)."""
    bn_splits: Annotated[AutoInt, Parameter(group=MOCO)] = None
    """Groups batch norm sees apart (auto: of 64 images)."""
    rotation: Annotated[Annotated[float, Field(ge=0, le=180)] | None, Auto, Parameter(group=MOCO)] = None
    """Largest turn of a crop, in degrees (auto: 0; mtcp: 15)."""

    tasks: Annotated[str, some_of(*TASK_NAMES), Parameter(group=PRETEXT)] = ",".join(TASK_NAMES)
    """Some of these, with commas between."""
    task_mode: Annotated[Literal["one", "all"], Parameter(group=PRETEXT)] = "one"
    """Tasks a step: one at random, or all."""
    task_weights: Annotated[str, weights_of(*TASK_NAMES), Parameter(group=PRETEXT, show_default=False)] = ""
    """How often a task is drawn, or its share of the sum: jigsaw=2 (else 1)."""
    patch: Annotated[float, Field(gt=0, lt=1), Parameter(group=PRETEXT)] = 0.5
    """Side of the missing centre, as a share of the picture's."""
    freeze_bn: Annotated[bool, Parameter(group=PRETEXT, negative="", show_default=False)] = False
    """Keep the statistics of the encoder's batch norms as they start."""

    terms: Annotated[str, some_of("contrastive", "generative"), Parameter(group=TOWER)] = "contrastive,generative"
    """Of the loss: contrastive, generative or both, with a comma between."""
    transforms: Annotated[str, some_of("bezier", "mask"), Parameter(group=TOWER)] = "bezier,mask"
    """Of the picture: bezier, mask or both, with a comma between."""
    mask: Annotated[Literal["auto", "ray", "stripe", "block"], Parameter(group=TOWER)] = "auto"
    """Shape of what is masked (auto: by the data's modality)."""
    mask_ratio: Annotated[AutoShare, Parameter(group=TOWER)] = None
    """Share of the pixels masked (auto: 0.5; rays 0.6)."""
    curves: Annotated[Literal["fixed", "random"], Parameter(group=TOWER)] = "fixed"
    """Bezier curves: TOWER's six, or random as in Models Genesis."""

    latent_dim: Annotated[Count, Parameter(group=VAE)] = 256
    """Length of the latent vector."""
    beta: Annotated[float, Field(ge=0), Parameter(group=VAE)] = 1.0
    """Weight of the KL term (1: the ELBO itself)."""
    beta_warmup: Annotated[float, Field(ge=0, le=1), Parameter(group=VAE)] = 0.1
    """Share of the steps in which beta rises to it."""

    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """torch.compile the step (auto: on CUDA)."""
    threads: Annotated[AutoInt, Parameter(group=SPEED)] = None
    """On a CPU (auto: the processors that are free at the start)."""
    pipeline: Annotated[Literal["auto", "dali", "torch"], Parameter(group=SPEED)] = "auto"
    """Who augments."""

    out: Annotated[Path | None, Parameter(group=RUN)] = None
    """Run folder (auto: runs/STAGE-DATA)."""
    resume: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Continue the run in the run folder."""
    overwrite: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Replace the run in the run folder."""
    checkpoint_every: Annotated[AutoInt, Parameter(group=RUN)] = None
    """Steps between checkpoints (auto: once a minute)."""

    @model_validator(mode="after")
    def _demo_data_have_what_the_tasks_need(self) -> TrainConfig:
        if "data" not in self.model_fields_set and (self.recipe or self.stage) in COLOUR_TASKS:
            # Past pydantic, which would count it among the settings that were asked for, and refuse in a frozen model.
            object.__setattr__(self, "data", DEMO_COLOUR)
        return self

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> TrainConfig:
        wrong = [
            f"{one} and {other} both given: give one"
            for one, other in (*combinations(("epochs", "steps", "minutes"), 2), ("resume", "overwrite"))
            if getattr(self, one) and getattr(self, other)
        ]
        if self.recipe is not None and "stage" in self.model_fields_set:
            wrong.append("stage and recipe both given: give one")
        foreign = [] if self.recipe else sorted(self.model_fields_set - settings_of(self.stage))
        wrong += [f"{name} is a setting of --stage {stage_of(name)}, not of {self.stage}" for name in foreign]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


def stage_of(name: str) -> str | None:
    """The one stage that has the setting `name`; None where every stage has it."""
    metadata = TrainConfig.model_fields[name].metadata
    groups = [
        group
        for part in metadata
        if isinstance(part, Parameter) and isinstance(part.group, tuple)
        for group in part.group
    ]
    return next((stage for stage, own in STAGE_GROUPS.items() if own in groups), None)


def settings_of(stage: str) -> frozenset[str]:
    """The names of all settings that `stage` reads."""
    return frozenset(name for name in TrainConfig.model_fields if stage_of(name) in (None, stage))
