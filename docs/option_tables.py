"""Tables of options, read from the command line itself, so that they cannot be out of date.

Covers: `<!-- options: COMMAND -->` and `<!-- options: COMMAND, GROUP -->` in a page become tables. Does not cover: what
options mean, which is their help text beside each setting.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

if TYPE_CHECKING:
    from cyclopts import App

MARKER = re.compile(r"^<!-- options: (?P<command>[\w-]+)(?:, (?P<group>[^>]+?))? -->$", re.MULTILINE)

_PLACEHOLDERS: dict[type, str] = {bool: "", int: "N", float: "X", PurePath: "PATH", str: "TEXT"}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a command, as `--help` shows it."""

    names: tuple[str, ...]
    group: str
    takes: str
    default: str
    meaning: str


def options_of(command: str) -> list[Option]:
    """Return the options of `fastssl COMMAND`, group by group in the order of its help; of train, those of all stages
    and recipes.

    Raises:
        KeyError: There is no such command.
    """
    arguments = [
        argument
        for app in _apps(command)
        for argument in app[command].assemble_argument_collection()
        if argument.names[0].startswith("--")
    ]
    found = [
        Option(
            names=tuple(argument.names),
            group=argument.parameter.group[0].name,
            takes=_takes(argument.hint, argument.get_choices()),
            default=_default(argument.field_info.default, automatic="auto" in (argument.parameter.help or "")),
            meaning=" ".join((argument.parameter.help or "").split()),
        )
        for argument in sorted(arguments, key=lambda argument: _place(argument.parameter.group[0].sort_key))
    ]
    once: dict[tuple[tuple[str, ...], str], Option] = {}
    for option in found:
        once.setdefault((option.names, option.group), option)  # what all stages have, as the first one has it
    groups = list(dict.fromkeys(option.group for option in found))
    return sorted(once.values(), key=lambda option: groups.index(option.group))


def _apps(command: str) -> list[App]:
    """The command line, or for train one for each stage and recipe that has options of its own."""
    from fastssl.cli import app
    from fastssl.cli.commands import OF_A_STAGE, make_app
    from fastssl.stages.registry import RECIPE_CONFIGS, STAGES, config_class

    kinds = [*(config_class(stage) for stage in STAGES), *(config_class(recipe=recipe) for recipe in RECIPE_CONFIGS)]
    return [make_app(kind) for kind in kinds] if command in OF_A_STAGE else [app]


def fill_option_tables(markdown: str) -> str:
    """Return a page with its markers replaced by tables.

    Raises:
        KeyError: A marker names a command that does not exist. ValueError: It names a group that does not exist.
    """
    return MARKER.sub(_table, markdown)


def _table(marker: re.Match[str]) -> str:
    command, only = marker["command"], marker["group"]
    options = [option for option in options_of(command) if only in (None, option.group)]
    if not options:
        raise ValueError(f"fastssl {command} has no options in a group {only!r}")
    lines: list[str] = []
    for group, members in groupby(options, key=lambda option: option.group):
        lines += [] if only else [f"**{group}**", ""]
        lines += ["| option | default | meaning |", "| --- | --- | --- |", *map(_row, members), ""]
    return "\n".join(lines)


def _row(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    takes = f" {option.takes}" if option.takes else ""
    return f"| {names}{takes} | {option.default} | {_escaped(option.meaning)} |"


def _takes(hint: Any, choices: Iterable[str] | None) -> str:
    plain = list(_plain_types(hint))
    several = tuple in plain
    if choices:
        return ("some of " if several else "one of ") + ", ".join(f"`{choice}`" for choice in choices)
    kind = next((kind for kind in _PLACEHOLDERS if kind in plain), str)
    return "" if kind is bool else f"`{_PLACEHOLDERS[kind]}{' ...' * several}`"


def _plain_types(hint: Any) -> Iterator[type]:
    """The plain types inside a hint such as `Annotated[int, ...] | None` or `tuple[Path, ...]`."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from _plain_types(parts[0])
    elif origin in (Union, types.UnionType, tuple):
        yield from [tuple] if origin is tuple else []
        for part in parts:
            yield from _plain_types(part)
    elif isinstance(hint, type):
        yield next((kind for kind in _PLACEHOLDERS if issubclass(hint, kind)), str)


def _default(value: Any, *, automatic: bool) -> str:
    if value is None or value == "auto":
        return "auto" if value or automatic else "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (tuple, list)):
        value = " ".join(str(part) for part in value)
    return f"`{value}`" if value != "" else "none"


def _place(sort_key: Any) -> int:
    return sort_key if isinstance(sort_key, int) else 0


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
