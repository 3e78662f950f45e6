"""What all configurations share: strictness, "auto", and every problem told at once.

Covers: the base class, field types that take "auto", building one from settings, the phrases for what is wrong.
Does not cover: any setting (the other files here), nor what "auto" becomes (`fastssl.training.resolve`, `fastssl.stages.registry`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Group, Parameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fastssl.errors import ConfigError

# The boxes of a help page, in this order.
OBJECTIVE, DATA, MODEL, LENGTH, MOCO, PRETEXT, TOWER, VAE, EVALUATION, SPEED, RUN = (
    Group(name, sort_key=place)
    for place, name in enumerate(
        (
            "Objective",
            "Data",
            "Model",
            "Length and schedule",
            "MoCo",
            "Pretext",
            "TOWER",
            "VAE",
            "Evaluation",
            "Speed",
            "Run",
        )
    )
)

# None stands for "auto" (and cannot be a typo); the word is accepted wherever None is.
Auto = BeforeValidator(lambda value: None if value == "auto" else value)
AutoInt = Annotated[Annotated[int, Field(ge=1)] | None, Auto]
AutoFloat = Annotated[Annotated[float, Field(gt=0)] | None, Auto]
AutoSwitch = Annotated[bool | None, Auto]
AutoShare = Annotated[Annotated[float, Field(gt=0, lt=1)] | None, Auto]
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
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: as the data has it)."""
    skip_corrupt: Annotated[bool, Parameter(group=DATA, negative="", show_default=False)] = False
    """Name and skip images that cannot be decoded."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$"), Parameter(group=SPEED)] = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """Mixed precision where it is faster, else fp32 (auto: the same)."""
    precision: Annotated[
        Literal["auto", "bf16", "fp16", "tf32", "fp32"], Parameter(group=SPEED, show_default=False)
    ] = "auto"
    """By name, even if emulated."""
    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(group=RUN)] = 0
    """Seed of everything random."""

    @model_validator(mode="after")
    def _one_precision(self) -> DataConfig:
        if self.amp is False and self.precision in ("bf16", "fp16"):
            raise ValueError(f"amp=False and precision={self.precision} contradict each other: give one")
        return self


def some_of(*names: str) -> BeforeValidator:
    """Makes a `str` field take one or more of `names`, with commas between or as a sequence; kept in their order."""

    def check(value: Any) -> str:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, (list, tuple)) or not given or not set(given) <= set(names):
            raise ValueError(f"give one or more of {', '.join(names)}, with commas between")
        return ",".join(name for name in names if name in given)

    return BeforeValidator(check)


def weights_of(*names: str) -> BeforeValidator:
    """Makes a `str` field take NAME=NUMBER for some of `names`, with commas between or as a mapping; "" is none."""

    def check(value: Any) -> str:
        given = {} if value == "" else value
        if isinstance(given, str):
            given = dict(pair.partition("=")[::2] for pair in given.split(","))
        try:
            weights = {name: float(weight) for name, weight in given.items()}
        except (AttributeError, TypeError, ValueError):
            weights = {"": 0.0}
        if not set(weights) <= set(names) or not all(0 < weight < float("inf") for weight in weights.values()):
            raise ValueError(f"give a positive number for one or more of {', '.join(names)}, as {names[0]}=2")
        return ",".join(f"{name}={weights[name]!r}" for name in names if name in weights)

    return BeforeValidator(check)


def build(kind: type[ConfigT], settings: Mapping[str, Any]) -> ConfigT:
    """Validate `settings` as a `kind`.

    Raises:
        ConfigError: naming every unknown key and every bad value found.
    """
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(problems(error, kind)) from None


def coerce_config(kind: type[ConfigT], config: ConfigT | None, settings: Mapping[str, Any]) -> ConfigT:
    """The configuration of a call that takes one, or its fields as keywords.

    Raises:
        TypeError: both are given. ConfigError: as `build`.
    """
    if config is not None and settings:
        raise TypeError(f"give a {kind.__name__} or settings, not both (got {', '.join(settings)} beside it)")
    return config or build(kind, settings)


def problems(error: ValidationError, kind: type[Config]) -> list[str]:
    """One short phrase for each thing that pydantic found wrong."""
    return [_phrase(detail, kind) for detail in error.errors()]


def unknown(name: str, kind: type[Config]) -> str:
    """The phrase for a setting that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, kind.model_fields, n=1)
    return f"unknown setting {name!r}" + (f", did you mean {near[0]!r}?" if near else "")


def _phrase(detail: Any, kind: type[Config]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return unknown(name, kind)
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if detail["type"] == "string_pattern_mismatch":
        message = f"give {(kind.model_fields[name].description or '').rstrip('.')}"
    return f"{name}={detail['input']!r}: {message}" if name else message
