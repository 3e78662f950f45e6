"""The condition of a rule: facts, and what each must be.

Covers: checking how a condition is written, and whether it holds. Does not cover: rules (`rules.py`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from .facts import TaskFacts

FACTS = tuple(field.name for field in fields(TaskFacts))
BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}
IN_WORDS = {"at_least": "at least ", "at_most": "at most ", "above": "above ", "below": "below "}


def check_condition(condition: Any) -> None:
    """Check how a condition is written.

    Args:
        condition: fact -> a value, a list of values, or a mapping of bounds to numbers.

    Raises:
        ValueError: it is none, names no fact, or a bound that there is not; the text says which.
    """
    if not isinstance(condition, Mapping) or not condition:
        raise ValueError("when: give at least one fact and what it must be")
    for fact, wanted in condition.items():
        if fact not in FACTS:
            raise ValueError(f"when: there is no fact {fact!r}; facts are {', '.join(FACTS)}")
        if isinstance(wanted, Mapping):
            _check_bounds(fact, wanted)
        elif wanted is None or wanted == []:
            raise ValueError(f"when: {fact} has no value")


def holds(condition: Mapping[str, Any], facts: TaskFacts) -> bool:
    """Tell whether all that a condition asks for is so; what is not known fulfils nothing.

    Args:
        condition: as `check_condition` takes it.
        facts: of the data.
    """
    known = facts.known()
    return all(fact in known and _fits(known[fact], wanted) for fact, wanted in condition.items())


def in_words(condition: Mapping[str, Any]) -> str:
    """Write a condition for a person, such as "task classification, labels at most 30".

    Args:
        condition: as `check_condition` takes it.
    """
    return ", ".join(f"{fact.replace('_', ' ')} {_wanted(wanted)}" for fact, wanted in condition.items())


def _check_bounds(fact: str, bounds: Mapping[str, Any]) -> None:
    for bound, number in bounds.items():
        if bound not in BOUNDS:
            raise ValueError(f"when: {fact} has no bound {bound!r}; bounds are {', '.join(BOUNDS)}")
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ValueError(f"when: {fact} {bound} {number!r} is not a number")
    if not bounds:
        raise ValueError(f"when: {fact} has no bounds")


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a fact is one of what is wanted; words fit where they occur in the fact, as "CT" in "abdominal CT"."""
    if isinstance(wanted, Mapping):
        return all(BOUNDS[bound](value, number) for bound, number in wanted.items())
    options = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, str):
        return any(f" {option} ".casefold() in f" {value} ".casefold() for option in options)
    return value in options


def _wanted(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        return " and ".join(f"{IN_WORDS[bound]}{number:,}" for bound, number in wanted.items())
    if isinstance(wanted, list):
        return " or ".join(map(str, wanted))
    return {True: "yes", False: "no"}[wanted] if isinstance(wanted, bool) else str(wanted)
