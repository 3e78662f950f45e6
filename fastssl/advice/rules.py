"""The table of rules: what to train, and when not to, each with its source.

Covers: reading the table (`rules.yaml`) and a user's own, checking every entry. Does not cover: whether a condition
holds (`conditions.py`), what follows from the rules (`choice.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from fastssl.config.plain_yaml import read_yaml
from fastssl.errors import ConfigError

from .conditions import check_condition, holds
from .facts import TaskFacts

Evidence = Literal["own", "read", "abstract", "vendor"]
WEIGHT: Mapping[str, int] = {"own": 3, "read": 2, "abstract": 1, "vendor": 1}
"""What a rule counts by its evidence."""
METHODS = ("contrastive", "restoring", "hybrid", "supervised")
"""What rules may prefer."""
TABLE = "rules.yaml"


@dataclass(frozen=True, kw_only=True)
class Method:
    """How a method is trained.

    Attributes:
        stages: that train by it, the usual one first; none: nothing is pre-trained.
        options: of `fastssl train`, by the names of the settings.
    """

    stages: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the table; `rules.yaml` says what each field means."""

    id: str
    when: Mapping[str, Any]
    rule: str
    evidence: Evidence
    numbers: str
    source: str
    condition: str
    prefer: str = ""
    avoid: str = ""
    stage: str = ""

    @property
    def weight(self) -> int:
        """What it counts."""
        return WEIGHT[self.evidence]

    def fires(self, facts: TaskFacts) -> bool:
        """Tell whether its condition holds.

        Args:
            facts: of the data.
        """
        return holds(self.when, facts)


def read_methods() -> dict[str, Method]:
    """Read from the table how each method is trained.

    Returns:
        One of `METHODS` -> how.
    """
    table = read_yaml(_own_table(), numbers=True)["methods"]
    return {
        name: Method(stages=tuple(table[name]["stages"]), options=table[name].get("options", {})) for name in METHODS
    }


def read_rules(own: Path | None = None) -> tuple[Rule, ...]:
    """Read the table of rules, and a user's own.

    Args:
        own: a YAML file of the same form, whose rules are added and replace those of the same id.

    Returns:
        In the order of the files.

    Raises:
        ConfigError: the user's file cannot be read, or a rule in it is not whole.
    """
    found = {rule.id: rule for rule in _rules(_own_table(), TABLE)}
    if own is not None:
        try:
            text = own.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not a text file in UTF-8"
            raise ConfigError([f"rules={str(own)!r}: {why}"]) from None
        found |= {rule.id: rule for rule in _rules(text, str(own))}
    return tuple(found.values())


def _own_table() -> str:
    return files(__package__).joinpath(TABLE).read_text("utf-8")


def _rules(text: str, name: str) -> list[Rule]:
    try:
        table = read_yaml(text, numbers=True)
    except ValueError as error:
        raise ConfigError([f"rules={name!r}: {error}"]) from None
    entries = table.get("rules") if isinstance(table, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ConfigError([f"rules={name!r}: not a list of rules under the name 'rules'"])
    problems, found = [], []
    for place, entry in enumerate(entries, start=1):
        try:
            found.append(_rule(entry))
        except ValueError as error:
            named = entry.get("id", place) if isinstance(entry, dict) else place
            problems.append(f"rules={name!r}: rule {named}: {error}")
    if problems:
        raise ConfigError(problems)
    return found


def _rule(entry: Any) -> Rule:
    """One entry, checked.

    Raises:
        ValueError: it is not whole; the text says what is wrong.
    """
    if not isinstance(entry, dict):
        raise ValueError("not a mapping")
    names = {one.name: one for one in fields(Rule)}
    unknown = [name for name in entry if name not in names]
    if unknown:
        raise ValueError(f"there is no field {unknown[0]!r}; fields are {', '.join(names)}")
    lacking = [name for name, one in names.items() if one.default is MISSING and not entry.get(name)]
    if lacking:
        raise ValueError(f"{lacking[0]} is missing")
    check_condition(entry["when"])
    if entry["evidence"] not in get_args(Evidence):
        raise ValueError(f"evidence {entry['evidence']!r}: give one of {', '.join(get_args(Evidence))}")
    if entry.get("prefer", METHODS[0]) not in METHODS:
        raise ValueError(f"prefer {entry['prefer']!r}: give one of {', '.join(METHODS)}")
    return Rule(**entry)
