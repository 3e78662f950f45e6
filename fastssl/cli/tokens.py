"""The words of a command line, as far as they can be told before it is parsed.

Covers: which are options, their names and their values. Does not cover: what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_OPTION = re.compile(r"--?[A-Za-z]")
"""The beginning of an option; "-1" is a value."""


def is_option(token: str) -> bool:
    """Return whether a word is an option, with or without its value."""
    return _OPTION.match(token) is not None


def option_name(token: str) -> str:
    """Return an option's name as help shows it: without its value, with hyphens for underscores."""
    return token.partition("=")[0].replace("_", "-")


def setting_names(tokens: Iterable[str]) -> set[str]:
    """Return the settings that the options of a command line are about: --no-amp and --amp are about amp."""
    names = {option_name(token).lstrip("-").replace("-", "_") for token in tokens if is_option(token)}
    return names | {name.removeprefix("no_") for name in names}


def values_after(tokens: Sequence[str], place: int) -> list[str]:
    """Return the values of the option at `place`: that behind its "=", else the words up to the next option."""
    _, equals, value = tokens[place].partition("=")
    if equals:
        return [value]
    end = next((i for i in range(place + 1, len(tokens)) if is_option(tokens[i]) or tokens[i] == "--"), len(tokens))
    return list(tokens[place + 1 : end])


def value_of(tokens: Sequence[str], name: str) -> str | None:
    """Return the first value of the option called `name`; None where it is not given or has none."""
    places = [place for place, token in enumerate(tokens) if is_option(token) and option_name(token) == name]
    values = [value for place in places for value in values_after(tokens, place)[:1]]
    return values[0] if values else None


def without(tokens: Sequence[str], names: Iterable[str], *, several: bool = False) -> list[str]:
    """Return a command line less some options and their values.

    Args:
        tokens: the words of the command line.
        names: of the options to leave out.
        several: each of them takes all words up to the next option, and not at most one.

    Returns:
        The other words.
    """
    wrong = {option_name(name) for name in names}
    dropped: set[int] = set()
    for place in [place for place, token in enumerate(tokens) if option_name(token) in wrong]:
        values = [] if "=" in tokens[place] else values_after(tokens, place)
        dropped |= set(range(place, place + 1 + (len(values) if several else min(len(values), 1))))
    return [token for place, token in enumerate(tokens) if place not in dropped]
