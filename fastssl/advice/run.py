"""`fastssl advise`: what to train on some data, and why.

Covers: from data and settings to an advice. Does not cover: the rules (`rules.py`), looking at the data (`look.py`),
training.
"""

from __future__ import annotations

import json as json_format
import os
from typing import Any

from rich.console import Console

from fastssl.config.advise import AdviseConfig
from fastssl.config.base import build
from fastssl.console import new_console, say
from fastssl.errors import ConfigError
from fastssl.inspection.report import warning_lines
from fastssl.runtime import resolve_runtime, usual_torch_state

from .choice import choose
from .commands import commands_for, comparison_for
from .expected import measured
from .look import look_at
from .report import Advice, fact_lines
from .rules import read_methods, read_rules

NO_DETECTOR = "fastssl trains no detector; give the encoder to yours (docs: timm and smp)"


@usual_torch_state()
def advise(
    data: str | os.PathLike[str] | None = None,
    config: AdviseConfig | None = None,
    /,
    *,
    json: bool = False,
    console: Console | None = None,
    **settings: Any,
) -> Advice:
    """Recommend what to train on some data, with the rules that lead there and their sources.

    Nothing is written. The rules and their figures are in `fastssl/advice/rules.yaml`.

    Args:
        data: as `fastssl.train` takes them; None: those of the settings.
        config: what is asked for; or give its fields as `settings`.
        json: print the advice as JSON; all other lines go to standard error.
        console: where the advice goes; standard output by default.
        **settings: the fields of `AdviseConfig`, in place of `config`.

    Returns:
        The advice, which is also printed.

    Raises:
        ConfigError: settings or rules that cannot be used.
        DataError: data that cannot be opened.
        TypeError: both `config` and `settings` are given.
    """
    if config is not None and settings:
        raise TypeError(f"give an AdviseConfig or settings, not both (got {', '.join(settings)} as well)")
    asked = settings if config is None else config.model_dump(exclude_unset=True)
    if data is not None and "data" in asked:
        raise ConfigError([f"data={asked['data']!r}: {os.fspath(data)!r} is given as well; give one"])
    config = build(AdviseConfig, {**asked, **({} if data is None else {"data": data})})
    console = console or new_console()
    talk = new_console(stderr=True) if json else console
    rules = read_rules(config.rules)
    runtime = resolve_runtime(config.device, config.amp, False, config.precision)
    looked = look_at(config, on_gpu=runtime.device.type != "cpu", notify=lambda line: say(talk, line))
    if not config.quiet:
        say(talk, *looked.source.report.lines())
    say(talk, *fact_lines(looked.facts))
    if looked.inspection.warnings:
        say(talk, *warning_lines(looked.inspection.warnings, talk.width))
    choice = choose(rules, read_methods(), looked.facts)
    commands = commands_for(choice, looked, config)
    expected = None
    if config.measure:
        commands, expected = measured(commands, looked, config, talk)
    advice = Advice(
        data=looked.source.name,
        facts=looked.facts,
        choice=choice,
        commands=commands,
        expected=expected,
        comparison=comparison_for(looked, config),
        warnings=looked.inspection.warnings,
        notes=(*looked.notes, *([NO_DETECTOR] if looked.facts.task == "detection" else [])),
    )
    if json:
        say(console, *json_format.dumps(advice.as_json(), indent=1, allow_nan=False, default=str).splitlines())
    else:
        advice.print(console)
    return advice
