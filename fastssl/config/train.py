"""Settings of `fastssl train` that every stage has: as they are asked for, and resolved.

Covers: `TrainConfig`, which each stage's own configuration extends (`settings` in the folders of `fastssl.stages`), and
`TrainingSettings`, the same once nothing in it is automatic. Does not cover: a stage's own settings, finding the class
of a stage or recipe (`fastssl.stages.registry`), what "auto" becomes (`fastssl.training.resolve`).
"""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, ClassVar, Literal

from cyclopts import Group, Parameter
from pydantic import Field, model_validator

from .base import (
    DATA,
    LENGTH,
    MODEL,
    OBJECTIVE,
    RUN,
    SPEED,
    Alternatives,
    Auto,
    AutoFloat,
    AutoInt,
    AutoSwitch,
    Count,
    ListOf,
)
from .data import DataConfig
from .initial import InitialWeights
from .paths import DataText, PathSetting

Board = Literal["auto", "none", "tensorboard", "wandb", "mlflow"]
LENGTHS = ("epochs", "steps", "minutes")
"""Settings that say how long a run is. Of a run that has begun, the steps count; its file keeps the others so that the
command that began it may be repeated with --resume."""

DEMO, DEMO_COLOUR = "demo", "demo-colour"
"""The built-in data sets, of one channel and of three."""


def stage_group(title: str) -> Group:
    """Make the box of a help page that holds the settings of one stage."""
    return Group(title, sort_key=LENGTH.sort_key)


class TrainConfig(DataConfig):
    """Settings of `fastssl train` and `fastssl.train(...)` that every stage has."""

    alternatives: ClassVar[Alternatives] = (
        *DataConfig.alternatives,
        *combinations(LENGTHS, 2),
        ("stage", "recipe"),
        ("resume", "overwrite"),
    )

    data: Annotated[str, DataText, Parameter(group=DATA, show_default=False)] = DEMO
    """Images: a MedMNIST flag, an .npz file or a folder (auto: demo, or demo-colour where colours are needed)."""

    stage: Annotated[str, Parameter(group=OBJECTIVE)] = "moco"
    """Stage to train."""
    recipe: Annotated[Literal["aligned", "fast", "mtcp", "tower", "vae"] | None, Parameter(group=OBJECTIVE)] = None
    """Several stages, then an evaluation."""
    encoder: Annotated[str, Parameter(group=MODEL)] = "auto"
    """Encoder: any timm model (auto: the stage's own)."""
    stem: Annotated[Literal["auto", "standard", "small"], Parameter(group=MODEL, show_default=False)] = "auto"
    """A ResNet's first layers; small: 3x3, stride 1."""
    init: Annotated[InitialWeights | None, Parameter(group=MODEL)] = None
    """Weights to start from: imagenet, timm:NAME, timm:NAME=FILE, a run or a file."""
    freeze: Annotated[Annotated[int, Field(ge=0)], Parameter(group=MODEL, show_default=False)] = 0
    """First stages of the encoder that stay as they are (auto: 0)."""

    batch_size: Annotated[int, Field(ge=2), Parameter(group=LENGTH)] = 128
    """Images per step."""
    epochs: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length of the run and its schedule (auto: 100; demo data: --minutes 4)."""
    steps: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length in steps, instead of epochs."""
    minutes: Annotated[Annotated[float, Field(gt=0)] | None, Parameter(group=LENGTH)] = None
    """Length in minutes; the measured pace gives steps (recipe: for all stages)."""
    accumulate: Annotated[Count, Parameter(group=LENGTH, show_default=False)] = 1
    """Parts in which a batch is computed (auto: 1)."""
    stop_after: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Stop this call after so many steps; the schedule stays the same."""
    lr: Annotated[AutoFloat, Parameter(group=LENGTH)] = None
    """Peak learning rate (auto: by stage, batch size, length)."""
    lr_decay: Annotated[Annotated[float, Field(gt=0, le=1)], Parameter(group=LENGTH, show_default=False)] = 1.0
    """Factor of the rate from each layer to the one below (auto: 1)."""
    weight_decay: Annotated[Annotated[float, Field(ge=0)] | None, Auto, Parameter(group=LENGTH)] = None
    """Weight decay of trained weights (auto: the stage's own)."""

    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """Compile the step by torch.compile (auto: on CUDA)."""
    threads: Annotated[AutoInt, Parameter(group=SPEED)] = None
    """Threads on a CPU (auto: as many as processors are free at the start)."""
    gpus: Annotated[Count, Parameter(group=SPEED)] = 1
    """GPUs of this machine, a process for each."""
    sync_bn: Annotated[bool, Parameter(group=SPEED, show_default=False)] = True
    """Batch norm over all processes (auto: on)."""
    compress_gradients: Annotated[bool, Parameter(group=SPEED, negative="", show_default=False)] = False
    """Processes exchange gradients in bf16."""
    peer_timeout: Annotated[Annotated[float, Field(gt=0)], Parameter(group=SPEED, show_default=False)] = 60.0
    """Seconds to wait for a silent process (auto: 60)."""
    pipeline: Annotated[Literal["auto", "dali", "torch"], Parameter(group=SPEED, show_default=False)] = "auto"
    """Executor (auto: dali on a GPU that has it)."""

    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Run folder (auto: runs/STAGE-DATA)."""
    resume: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Continue the run in the run folder."""
    overwrite: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Replace the run in the run folder."""
    checkpoint_every: Annotated[AutoInt, Parameter(group=RUN)] = None
    """Steps between checkpoints (auto: once a minute, or for 1 % of the time)."""
    keep: Annotated[Count, Parameter(group=RUN)] = 2
    """Checkpoints to keep, the newest."""
    monitor: Annotated[Literal["auto", "off", "knn", "rank"], Parameter(group=RUN, show_default=False)] = "auto"
    """Watch features (auto: knn, or rank)."""
    monitor_share: Annotated[Annotated[float, Field(gt=0, le=0.5)], Parameter(group=RUN)] = 0.02
    """Share of the time that watching may take."""
    log: Annotated[ListOf[Board], Field(min_length=1), Parameter(group=RUN, show_default=False)] = ("auto",)
    """Where else metrics go."""
    keep_best: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Keep encoder-best.safetensors, by what is watched."""
    deterministic: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Equal bits on every run, slower (a CPU uses one thread)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> TrainConfig:
        wrong = [
            f"{one} and {other} both given: give one"
            for one, other in (*combinations(LENGTHS, 2), ("resume", "overwrite"))
            if getattr(self, one) and getattr(self, other)
        ]
        if self.deterministic and (self.threads or 1) > 1:
            wrong.append(f"deterministic and threads={self.threads} both given: sums depend on the number of threads")
        if self.recipe is not None and "stage" in self.model_fields_set:
            wrong.append("stage and recipe both given: give one")
        if len(self.log) > 1 and {"auto", "none"} & set(self.log):
            wrong.append(f"log={','.join(self.log)}: auto and none stand alone")
        if self.keep_best and self.monitor == "off":
            wrong.append("keep_best and monitor=off contradict each other: the best encoder is told by what is watched")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def threads_to_use(self) -> int | None:
        """Threads on a CPU; None: as many as processors are free."""
        return 1 if self.deterministic else self.threads


class TrainingSettings(TrainConfig):
    """The settings of a run that is built: what data and device decide is decided, nothing is None any more."""

    size: int
    stem: Literal["standard", "small"]
    monitor: Literal["off", "knn", "rank"] = "off"
    steps: int
    lr: float
    weight_decay: float
