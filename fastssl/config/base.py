"""What all configurations share: strictness, "auto", and every problem told at once.

Covers: the base class, field types that take "auto" or several values, building a configuration from settings, the
phrases for what is wrong. Does not cover: any command's own settings (the other files here), what "auto" becomes
(`fastssl.training.resolve`).
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from cyclopts import Group, Parameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fastssl.errors import ConfigError

# The boxes of a help page, in this order.
OBJECTIVE, DATA, SCANS, MODEL, LENGTH, EVALUATION, SPEED, RUN = (
    Group(name, sort_key=place)
    for place, name in enumerate(
        (
            "Objective",
            "Data",
            "Scans and patients",
            "Model",
            "Length and schedule",
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

_SHORT = reprlib.Repr()
"""Shows a bad value, however long it is, in a few words."""
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100

Alternatives = tuple[tuple[str, str], ...]

ConfigT = TypeVar("ConfigT", bound="Config")
ItemT = TypeVar("ItemT")


class Config(BaseModel):
    """Base of all configurations: frozen, and strict about unknown names."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,  # a folder called 123
    )

    alternatives: ClassVar[Alternatives] = ()
    """Pairs of settings that answer one question: either of them on the command line replaces the other of a file."""

    @model_validator(mode="before")
    @classmethod
    def _without_arrays(cls, given: Any) -> Any:
        return {name: _plain(value) for name, value in given.items()} if isinstance(given, Mapping) else given


def _plain(value: Any) -> Any:
    """A number of NumPy or PyTorch as Python's own, and an array as a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
    return value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value


def split_list(value: Any) -> Any:
    """Split a value that holds several: a string at its commas and spaces, a sequence item by item.

    Args:
        value: as the command line gives it (a list of strings, each of which may hold several), as a file or Python
            give it (one string, one number, or a sequence of them).

    Returns:
        A list of items. A mapping or None is returned as it is, for pydantic to refuse.
    """
    if value is None or isinstance(value, Mapping):
        return value
    items = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    return [part for item in items for part in (item.replace(",", " ").split() if isinstance(item, str) else (item,))]


# Of any setting that takes several values: --shots 1,5,10 is --shots 1 5 10 is --shots 1 --shots 5 --shots 10.
SEVERAL = Parameter(consume_multiple=True, negative="", show_default=lambda values: " ".join(map(str, values)) or None)

ListOf = Annotated[tuple[ItemT, ...], BeforeValidator(split_list), SEVERAL]
"""The type of a setting that takes several values: `ListOf[int]` is stored as a tuple of int."""


def subset_of(*names: str) -> BeforeValidator:
    """Make a `ListOf` field take one or more of `names`, each once, stored in the order of `names`.

    Args:
        names: all that may be chosen.

    Returns:
        A validator, to be put after the type: `Annotated[ListOf[Name], subset_of("a", "b")]`.
    """

    def check(value: Any) -> tuple[str, ...]:
        given = split_list(value)
        if not isinstance(given, list) or not given or not all(item in names for item in given):
            raise ValueError(f"give one or more of {', '.join(names)}")
        return tuple(name for name in names if name in given)

    return BeforeValidator(check)


def weights_for(*names: str) -> BeforeValidator:
    """Make a `ListOf[str]` field take NAME=NUMBER for some of `names`, stored in the order of `names`.

    Args:
        names: all that may be given a weight, a positive number. Python and files may also give a mapping.

    Returns:
        A validator, to be put after the type: `Annotated[ListOf[str], weights_for("a", "b")]`. The stored strings are
        read by `parse_weights`.
    """

    def check(value: Any) -> tuple[str, ...]:
        try:
            weights = dict(value) if isinstance(value, Mapping) else parse_weights(split_list(value))
            weights = {name: float(weight) for name, weight in weights.items()}
        except (AttributeError, TypeError, ValueError):
            weights = {"": 0.0}
        if not set(weights) <= set(names) or not all(0 < weight < float("inf") for weight in weights.values()):
            raise ValueError(f"give a positive number for one or more of {', '.join(names)}, as {names[0]}=2")
        return tuple(f"{name}={weights[name]!r}" for name in names if name in weights)

    return BeforeValidator(check)


def parse_weights(given: Iterable[str]) -> dict[str, float]:
    """Read the strings NAME=NUMBER that a field of `weights_for` stores.

    Args:
        given: such strings.

    Returns:
        Name -> number, in the order given.

    Raises:
        ValueError: a string has no number behind its first "=".
    """
    return {name: float(weight) for name, _, weight in (pair.partition("=") for pair in given)}


def build(kind: type[ConfigT], settings: Mapping[str, Any]) -> ConfigT:
    """Validate settings as a configuration.

    Args:
        kind: the class of the configuration.
        settings: names and values; those that are left out get their defaults.

    Returns:
        A frozen configuration, whose `model_fields_set` are the names given.

    Raises:
        ConfigError: naming every unknown setting and every bad value.
    """
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(problems(error, kind)) from None


def coerce_config(kind: type[ConfigT], config: ConfigT | None, settings: Mapping[str, Any]) -> ConfigT:
    """Make the configuration of a call that takes one, or its fields as keywords.

    Args:
        kind: the class of the configuration.
        config: what the call was given in one piece, if it was.
        settings: the keywords that it was given.

    Returns:
        `config` itself, or the one that `settings` describe.

    Raises:
        TypeError: both are given.
        ConfigError: naming every unknown setting and every bad value.
    """
    if config is not None and settings:
        raise TypeError(f"give a {kind.__name__} or settings, not both (got {', '.join(settings)} as well)")
    return config or build(kind, settings)


def problems(error: ValidationError, kind: type[Config]) -> list[str]:
    """Describe each thing that pydantic found wrong in one short phrase.

    Args:
        error: what pydantic raised.
        kind: the class that it validated.

    Returns:
        Phrases such as "lr='fast': input should be a valid number", in the order of the fields.
    """
    return [_phrase(detail, kind) for detail in error.errors()]


def unknown(name: str, kind: type[Config]) -> str:
    """Describe a setting that does not exist, with the nearest one that does.

    Args:
        name: the setting, with underscores.
        kind: the class that lacks it.

    Returns:
        One short phrase.
    """
    near = difflib.get_close_matches(name, kind.model_fields, n=1)
    return f"unknown setting {name!r}" + (f", did you mean {near[0]!r}?" if near else "")


def not_taken(name: str, kind: type[Config]) -> str:
    """Say why a setting that others of its kind take is none of this class.

    Args:
        name: of the setting, with underscores.
        kind: the class, whose own words on the field say why.

    Returns:
        One short phrase.
    """
    why = (kind.model_fields[name].description or "").rstrip(".")
    return f"{name}: {why[:1].lower()}{why[1:]}"


def _phrase(detail: Any, kind: type[Config]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return unknown(name, kind)
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if detail["type"] == "none_required":
        return not_taken(name, kind)
    if detail["type"] == "string_pattern_mismatch":
        message = f"give {(kind.model_fields[name].description or '').rpartition(': ')[2].rstrip('.')}"
    return f"{name}={_SHORT.repr(detail['input'])}: {message}" if name else message
