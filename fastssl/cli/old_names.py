"""Options that have new names: the old ones work for one version more, with one line of warning.

Covers: the table, and putting the new names in a command line. Does not cover: settings given from Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .tokens import is_option, option_name, values_after


@dataclass(frozen=True, kw_only=True)
class OldName:
    """An option that has been renamed.

    Attributes:
        command: the command that it was an option of.
        old: its name.
        new: the options that take its values, one each; an option with another number of values is not the old one.
        until: the version that no longer understands it.
    """

    command: str
    old: str
    new: tuple[str, ...]
    until: str


OLD_NAMES = (
    OldName(command="fewshot", old="--weights", new=("--imagenet-weights",), until="0.3"),
    OldName(command="finetune", old="--weights", new=("--imagenet-weights",), until="0.3"),
    OldName(command="segment", old="--data", new=("--images", "--masks"), until="0.3"),
)


def with_new_names(tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """Replace old names of options in a command line.

    Args:
        tokens: the command line, from the command on.

    Returns:
        The command line with new names, and a warning for each old one.
    """
    line, warnings = list(tokens), []
    for entry in OLD_NAMES:
        if line[:1] != [entry.command]:
            continue
        for place in [i for i, token in enumerate(line) if is_option(token) and option_name(token) == entry.old]:
            values = values_after(line, place)
            if len(values) != len(entry.new):
                continue
            length = 1 if "=" in line[place] else 1 + len(values)
            line[place : place + length] = [f"{new}={value}" for new, value in zip(entry.new, values, strict=True)]
            warnings.append(
                f"{entry.old} is now {' and '.join(entry.new)}; the old name works until version {entry.until}"
            )
            break
    return line, warnings
