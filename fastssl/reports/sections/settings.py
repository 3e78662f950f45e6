"""How to get everything again: each run's settings with their reasons, and the command for each number.

Covers: tables of settings, commands, versions. Does not cover: how settings are resolved (`fastssl.training.resolve`).
"""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import fastssl
from fastssl.training.stored_settings import CHANCE, COMMAND, CONFIG

from ..blocks import Block, CommandBlock, Hidden, Lines, ReportSection, ReportTable
from ..reading.run_record import RunRecord
from ..words import shown_command, shown_path

_NOT_SETTINGS = (COMMAND, CHANCE)


def settings_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section on settings.

    Args:
        records: of all runs.
    """
    blocks: list[Block] = [
        Hidden(title=f"{record.label}: {len(record.settings)} settings", blocks=(_table(record),))
        for record in records
        if record.settings
    ]
    return ReportSection(
        anchor="settings",
        title="Every setting",
        lead="As the run had them once nothing was automatic any more, with the reason for those that were chosen.",
        blocks=tuple(blocks),
    )


def commands_section(records: Sequence[RunRecord], own: str, when: datetime) -> ReportSection:
    """Make the section on commands and versions.

    Args:
        records: of all runs.
        own: the command line of this report.
        when: it is written.
    """
    recipes = [record.folder.resolve() for record in records if record.settings.get("recipe")]
    trained = [
        _training(record)
        for record in records
        if record.settings and record.folder.resolve().parent not in recipes  # a recipe trains its stages
    ]
    evaluated = [
        shown_command(found.command)
        for record in records
        for found in (record.probe, record.fewshot, record.finetune, record.frozen, record.segment)
        if found is not None and found.command
    ]
    lines = (*trained, *evaluated, shown_command(own))
    return ReportSection(
        anchor="commands",
        title="How to make it again",
        blocks=(
            CommandBlock(what="trains, evaluates, and writes this page", lines=tuple(dict.fromkeys(lines))),
            Lines(title="Written by", lines=(_versions(when),)),
        ),
    )


def _training(record: RunRecord) -> str:
    """What was asked for; of a run that did not note it, the command that trains it again from its settings."""
    if record.command:
        return shown_command(record.command)
    folder = shown_path(record.folder)
    return shlex.join(["fastssl", "train", "--config", f"{folder}/{CONFIG}", "--out", f"{folder}-again"])


def _table(record: RunRecord) -> ReportTable:
    settings, facts = record.settings, record.facts
    rows = [(name, _value(value), _reason(facts.get(name, ""))) for name, value in settings.items()]
    others = [
        (name, *_split(text)) for name, text in facts.items() if name not in settings and name not in _NOT_SETTINGS
    ]
    return ReportTable(caption="", columns=("setting", "value", "why"), rows=(*rows, *others), names=3)


def _value(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001 (nothing)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return shown_path(text) if Path(text).is_absolute() else text


def _reason(text: str) -> str:
    return _split(text)[1] if text else ""


def _split(text: str) -> tuple[str, str]:
    """The value and the reason of a fact such as "0.06 (0.12 x batch / 256)"."""
    value, bracket, rest = text.partition(" (")
    return (value, rest.removesuffix(")")) if bracket else (text, "")


def _versions(when: datetime) -> str:
    import torch

    return (
        f"fastssl {fastssl.__version__} on {when:%Y-%m-%d}, with torch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}. "
        "These are the versions of whatever wrote this page, which may be others than those of the training."
    )


def report_title(records: Sequence[RunRecord]) -> str:
    """Return the title of the page.

    Args:
        records: of all runs.
    """
    folders = [record.folder.resolve() for record in records]
    labels = [
        record.label
        for record, folder in zip(records, folders, strict=True)
        if not any(other in folder.parents for other in folders)  # the stages of a recipe go without saying
    ]
    names = ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
    return names if names else Path.cwd().name
