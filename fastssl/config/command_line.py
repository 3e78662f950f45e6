"""A configuration as the command line that asks for it.

Covers: the settings that were given, in the order of the help page, quoted for a shell. Does not cover: reading a
command line (`fastssl.cli`).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, get_args

from cyclopts import Group, Parameter

from .base import Auto, Config
from .data import ValueRangeText


def command_line(command: str, config: Config, runs: Iterable[str | PathLike[str]] = ()) -> str:
    """Write the command line that a configuration stands for: parsed, it gives an equal one.

    Args:
        command: its name, such as "probe".
        config: its settings; those that were given (`model_fields_set`) become options.
        runs: the words before the options.

    Returns:
        One line, which a shell takes as it is.
    """
    return shlex.join(["fastssl", command, *map(str, runs), *given_options(config, _in_order_of_help(type(config)))])


def given_options(config: Config, names: Iterable[str]) -> list[str]:
    """Write the options of some settings.

    Args:
        config: the settings.
        names: which of them; those that were not given (`model_fields_set`) are left out.

    Returns:
        Words of a command line.
    """
    return [word for name in names if name in config.model_fields_set for word in _option(config, name)]


def _in_order_of_help(kind: type[Config]) -> list[str]:
    """All settings: box by box, and in a box as they are declared."""
    return sorted(kind.model_fields, key=lambda name: _place_of_box(kind.model_fields[name].metadata))


def _place_of_box(metadata: Iterable[Any]) -> int:
    given = [entry.group for entry in metadata if isinstance(entry, Parameter) and entry.group]
    boxes = [box for group in given for box in (group if isinstance(group, tuple) else (group,))]
    places = [box.sort_key for box in boxes if isinstance(box, Group) and isinstance(box.sort_key, int)]
    return places[0] if places else 0


def _option(config: Config, name: str) -> list[str]:
    """The words of one setting; none where its value is what a line without it has, and cannot be written."""
    field, value = type(config).model_fields[name], getattr(config, name)
    option = f"--{name.replace('_', '-')}"
    if value is None:
        takes_auto = Auto in field.metadata or ValueRangeText in field.metadata
        return [f"{option}=auto"] if takes_auto and bool not in get_args(field.annotation) else []
    if isinstance(value, bool):
        if value:
            return [option]
        lacks_negative = any(isinstance(entry, Parameter) and entry.negative == () for entry in field.metadata)
        return [f"{option}=false" if lacks_negative else f"--no-{option.removeprefix('--')}"]
    text = as_text(value)
    return [f"{option}={text}"] if text.startswith("-") else [option, text] if text else []


def as_text(value: Any) -> str:
    """Write a value as a command line has it: true, null, lists with commas, NAME=NUMBER for a mapping's items.

    Args:
        value: of a setting.

    Returns:
        The text behind the option's name.
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return ",".join(f"{name}={as_text(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(as_text, value))
    return str(value)
