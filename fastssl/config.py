"""The typed configuration: every setting of every command, in one place.

Covers: names, types, ranges and meanings; all problems reported at once; the command line and the Python keywords are
both made from these classes. Does not cover: what "auto" becomes (`resolve.py`) nor what a setting does.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Group, Parameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fastssl.errors import ConfigError

# The boxes of the help page, in this order.
OBJECTIVE, DATA, MODEL, LENGTH, MOCO, SPEED, RUN = (
    Group(name, sort_key=place)
    for place, name in enumerate(("Objective", "Data", "Model", "Length and schedule", "MoCo", "Speed", "Run"))
)

# None stands for "auto" (and cannot be a typo); the word is accepted wherever None is.
_Auto = BeforeValidator(lambda value: None if value == "auto" else value)
AutoInt = Annotated[Annotated[int, Field(ge=1)] | None, _Auto]
AutoFloat = Annotated[Annotated[float, Field(gt=0)] | None, _Auto]
AutoSwitch = Annotated[bool | None, _Auto]
Count = Annotated[int, Field(ge=1)]

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of all configurations: frozen, and strict about unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class DataConfig(Config):
    """Which images, and on which device they are worked on; shared by every command."""

    data: Annotated[str, Parameter(group=DATA)] = "demo"
    """demo, demo-colour, a MedMNIST flag, an .npz file or a folder."""
    data_root: Annotated[Path | None, Parameter(group=DATA)] = None
    """Folder that MedMNIST files lie in or are downloaded to."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, _Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: as the data has it)."""
    skip_corrupt: Annotated[bool, Parameter(group=DATA, negative="", show_default=False)] = False
    """Name and skip images that cannot be decoded."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$"), Parameter(group=SPEED)] = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """Mixed precision: bf16, or fp16 on older GPUs (auto: where faster)."""
    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(group=RUN)] = 0
    """Seed of everything random."""


class TrainConfig(DataConfig):
    """Settings of `fastssl train` and `fastssl.train(...)`."""

    stage: Annotated[Literal["moco"], Parameter(group=OBJECTIVE)] = "moco"
    """What to train."""
    encoder: Annotated[str, Parameter(group=MODEL)] = "resnet18"
    """Any timm model name."""
    stem: Annotated[Literal["auto", "standard", "small"], Parameter(group=MODEL)] = "auto"
    """small: 3x3, stride 1, no max-pool (ResNets)."""
    init: Annotated[Path | None, Parameter(group=MODEL)] = None
    """Weights to start from (.safetensors or .pth, timm's keys)."""

    batch_size: Annotated[int, Field(ge=2), Parameter(group=LENGTH)] = 128
    """Images a step."""
    epochs: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length of the run and its schedule (100, unless --steps)."""
    steps: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length in steps, instead of epochs."""
    stop_after: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """End this invocation after N steps; the schedule stays."""
    lr: Annotated[AutoFloat, Parameter(group=LENGTH)] = None
    """Peak learning rate (auto: by batch size and length)."""
    weight_decay: Annotated[float, Field(ge=0), Parameter(group=LENGTH)] = 1e-4
    """Of every trained weight."""

    temperature: Annotated[float, Field(gt=0), Parameter(group=MOCO)] = 0.2
    """Of the softmax over positive and negatives."""
    queue_size: Annotated[AutoInt, Parameter(group=MOCO)] = None
    """Negatives kept (auto: min(65536, half the images))."""
    queue_init: Annotated[Literal["keys", "random"], Parameter(group=MOCO)] = "keys"
    """Before the first step: keys of real images, or the paper's noise."""
    momentum: Annotated[float, Field(ge=0, lt=1), Parameter(group=MOCO)] = 0.999
    """Of the key encoder."""
    bn_splits: Annotated[AutoInt, Parameter(group=MOCO)] = None
    """Groups batch norm sees apart (auto: of 64 images)."""

    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """torch.compile the step (auto: on CUDA)."""
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
    def _agrees_with_itself(self) -> TrainConfig:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("epochs and steps both given: give one")
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite both given: give one")
        return self


class ProbeConfig(DataConfig):
    """Settings of `fastssl probe RUN` and `fastssl.probe(run, ...)`; data, root and size default to the run's own."""

    data: Annotated[str | None, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """As for train (auto: what the run was trained on)."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images a step while features are extracted."""


def build(kind: type[ConfigT], settings: Mapping[str, Any]) -> ConfigT:
    """Validate `settings` as a `kind`.

    Raises:
        ConfigError: naming every unknown key and every bad value found.
    """
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(problems(error, kind)) from None


def problems(error: ValidationError, kind: type[Config]) -> list[str]:
    """One short phrase for each thing that pydantic found wrong."""
    return [_phrase(detail, kind) for detail in error.errors()]


def _phrase(detail: Any, kind: type[Config]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return unknown(name, kind)
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if detail["type"] == "string_pattern_mismatch":
        message = f"give {(kind.model_fields[name].description or '').rstrip('.')}"
    return f"{name}={detail['input']!r}: {message}" if name else message


def unknown(name: str, kind: type[Config]) -> str:
    """The phrase for a setting that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, kind.model_fields, n=1)
    return f"unknown setting {name!r}" + (f", did you mean {near[0]!r}?" if near else "")
