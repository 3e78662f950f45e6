"""A command line, understood: what it runs, or everything that is wrong with it.

Covers: the settings of a file beneath those of the line, the class that `train` and `estimate` take by --stage and
--recipe, all mistakes at once. Does not cover: running it (`entry.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cyclopts import App, CoercionError, CycloptsError, MissingArgumentError, UnknownOptionError, UnusedCliTokensError
from pydantic import ValidationError

from fastssl.config import Config, problems, unknown
from fastssl.config.base import not_taken
from fastssl.config.settings_file import read_settings_file
from fastssl.errors import ConfigError
from fastssl.paths import user_path
from fastssl.stages.registry import RECIPE_NAMES, config_class, foreign_setting, owners_of, stage_names

from .commands import CONFIGS, OF_A_STAGE, app, make_app
from .config_file import as_options
from .tokens import option_name, setting_names, value_of, without

_OF_ONE_OPTION = (CoercionError, MissingArgumentError)
"""Mistakes after which the rest of a line can be looked at."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A command line as it is to be run.

    Attributes:
        app: the commands, with the settings that this line may give.
        tokens: its words, and the options that a file of settings adds.
        mistakes: everything wrong with it, a short phrase each; none where it can be run.
    """

    app: App
    tokens: tuple[str, ...]
    mistakes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Grammar:
    """What a line is parsed by. kind: the class of its settings, if it has any. whose: the owner of them, in words."""

    app: App
    kind: type[Config] | None
    whose: str

    def unknown(self, name: str) -> str:
        """Describe an option that the command does not have."""
        setting = name.lstrip("-").replace("-", "_")
        if self.whose and owners_of(setting):
            return foreign_setting(setting, self.whose)
        if self.kind and setting in self.kind.model_fields:
            return not_taken(setting, self.kind)
        return unknown(setting, self.kind) if self.kind else f"unknown option {name}"


def read_line(tokens: Sequence[str]) -> Line:
    """Understand a command line.

    Args:
        tokens: its words, from the command on.

    Returns:
        What to run, with everything that is wrong. Mistakes in a file of settings begin with its name.
    """
    path, settings, unread = _file_of(tokens)
    grammar = _grammar_of(tokens, settings)
    added = as_options(settings, grammar.kind, setting_names(tokens)) if grammar.kind else []
    end = tokens.index("--") if "--" in tokens else len(tokens)
    whole = (*tokens[:end], *added, *tokens[end:])
    mistakes = _mistakes(whole, grammar)
    if mistakes and added:
        own = _mistakes(tokens, grammar)
        mistakes = [mistake if mistake in own else f"{path}: {mistake}" for mistake in mistakes]
    return Line(app=grammar.app, tokens=whole, mistakes=(*unread, *mistakes))


def _file_of(tokens: Sequence[str]) -> tuple[str | None, dict[str, Any], list[str]]:
    """(path, settings, problems) of the file that a line names; without one, none."""
    path = value_of(tokens, "--config") if tokens[0] in CONFIGS else None
    try:
        return path, {} if path is None else read_settings_file(user_path(path)), []
    except ValueError as error:
        return path, {}, [f"config={path!r}: {error}"]
    except ConfigError as error:
        return path, {}, list(error.problems)


def _grammar_of(tokens: Sequence[str], settings: Mapping[str, Any]) -> _Grammar:
    """What the command takes; of train and estimate, by the stage or recipe that the line names, else the file."""
    if tokens[0] not in OF_A_STAGE:
        return _Grammar(app=app, kind=CONFIGS.get(tokens[0]), whose="")
    stage, recipe = value_of(tokens, "--stage"), value_of(tokens, "--recipe")
    if stage is None and recipe is None:
        stage, recipe = settings.get("stage"), settings.get("recipe")
    if recipe in RECIPE_NAMES:  # a file may say anything, of which not all has a hash
        kind, whose = config_class(recipe=recipe), f"--recipe {recipe}"
    else:
        names = stage_names()
        name = stage if stage in names else names[0]  # a name that is none is told when it is parsed
        kind, whose = config_class(name), f"--stage {name}"
    return _Grammar(app=make_app(kind), kind=kind, whose=whose)


def _mistakes(tokens: Sequence[str], grammar: _Grammar) -> list[str]:
    """Everything wrong with a line: it is parsed again without what was wrong, so that nothing hides the rest."""
    rest, found = list(tokens), []
    while True:
        before = rest
        try:
            grammar.app.parse_args(rest, exit_on_error=False, print_error=False)
        except UnknownOptionError as error:
            wrong = [error.token.keyword or error.token.value]
            found.append(grammar.unknown(option_name(wrong[0])))
        except UnusedCliTokensError as error:
            return [*found, f"unexpected argument {' '.join(error.unused_tokens or ())!r}"]
        except CycloptsError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError) and grammar.kind:
                found += problems(cause, grammar.kind)
                names = [str(detail["loc"][0]) for detail in cause.errors() if detail["loc"]]
                lists = [name for name in names if isinstance(grammar.kind.model_fields[name].default, tuple)]
                rest = without(rest, [f"--{name}" for name in lists], several=True)
                wrong = [f"--{name}" for name in names]
            else:
                found.append(_phrase(error))
                wrong = [error.argument.name] if isinstance(error, _OF_ONE_OPTION) and error.argument else []
        else:
            return found
        shorter = without(rest, wrong)
        if shorter == before:
            return found
        rest = shorter


def _phrase(error: CycloptsError) -> str:
    if isinstance(error, MissingArgumentError) and error.argument:
        return f"{error.argument.name} requires an argument"
    if isinstance(error, CoercionError) and error.token and error.target_type is bool:
        return f"{option_name(error.token.keyword or '').lstrip('-')}: give true or false"
    return " ".join(str(error).split()).rstrip(".")
