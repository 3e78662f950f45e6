"""Every public name says what it does, what it takes and what it returns, in Google's docstring convention.

Covers, for the names in `__all__` of MODULES and the public methods of those that are classes: the first line is a
sentence; `Args:` names exactly the parameters, in their order (of a class: those of its constructor, for a dataclass
also as `Attributes:`; a class of settings documents its fields one by one instead); what returns a value has
`Returns:`.
Does not cover: whether the words are true, and style beyond that (ruff).
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

MODULES = ("fastssl", "fastssl.backend", "fastssl.kernels", "fastssl.pipelines")

_SECTION = re.compile(r"(Args|Returns|Yields|Raises|Attributes|Example|Examples|Note):$")
_ENTRY = re.compile(r"(\*{0,2}\w+)(?: \([^)]*\))?: \S")


class Documented(NamedTuple):
    """A public function, class or method, and how a message names it."""

    place: str
    item: Any
    contract: bool = True  # False for properties, and for methods whose contract a base class states


def public(module: str) -> Iterator[Documented]:
    """The public surface of a module: functions, classes, and methods, also of bases that are not public themselves."""
    namespace = importlib.import_module(module)
    seen: set[type] = set()
    for name in namespace.__all__:
        item = getattr(namespace, name)
        if inspect.isfunction(item) or inspect.isclass(item):
            yield Documented(f"{module}.{name}", item)
        for owner in reversed(inspect.getmro(item)) if inspect.isclass(item) else ():
            if owner not in seen and _ours(owner):
                yield from methods(f"{owner.__module__}.{owner.__qualname__}", owner)
            seen.add(owner)


def methods(place: str, owner: type) -> Iterator[Documented]:
    """The public methods and properties that a class itself defines."""
    inherited = {name for base in owner.__mro__[1:] if _ours(base) for name in vars(base)}
    for name, value in vars(owner).items():
        is_property = isinstance(value, (property, cached_property))
        function = getattr(value, "fget", getattr(value, "func", getattr(value, "__func__", value)))
        if not name.startswith("_") and inspect.isfunction(function):
            yield Documented(f"{place}.{name}", function, contract=not (is_property or name in inherited))


def _ours(owner: type) -> bool:
    return owner.__module__.partition(".")[0] == "fastssl"


def problems(found: Documented) -> list[str]:
    """What is wrong with one docstring; empty if nothing is."""
    text = inspect.cleandoc(found.item.__doc__ or "")
    if not text:
        return ["has no docstring"]
    wrong = []
    summary = text.splitlines()[0]
    if not re.match(r"""["'`\w].*[.?!]$""", summary) or summary[0].islower():
        wrong.append(f"begins with {summary!r}, which is not a sentence on one line")
    if not found.contract or (inspect.isclass(found.item) and issubclass(found.item, BaseException)):
        return wrong
    if fields := getattr(found.item, "model_fields", None):
        return wrong + [f"has no docstring below its field {name}" for name in fields if not fields[name].description]
    section = "Attributes" if is_dataclass(found.item) and "Attributes" in sections(text) else "Args"
    named, expected = list(entries(text, section)), parameters(found.item)
    if named != expected:
        wrong.append(f"has Args {named}, the signature {expected}")
    if inspect.isfunction(found.item) and returns(found.item) and not sections(text).keys() & {"Returns", "Yields"}:
        wrong.append("returns a value and has no Returns section")
    return wrong


def sections(text: str) -> dict[str, list[str]]:
    """The lines of each section of a docstring, less their indentation."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if heading := _SECTION.match(line):
            lines = found.setdefault(heading[1], [])
        elif line.startswith(" ") or not line:
            lines.append(line)
        else:
            lines = []
    return {name: textwrap.dedent("\n".join(body)).splitlines() for name, body in found.items()}


def entries(text: str, section: str) -> Iterator[str]:
    """The names that a section's entries begin with."""
    for line in sections(text).get(section, []):
        if entry := _ENTRY.match(line):
            yield entry[1]


def parameters(item: Any) -> list[str]:
    """The parameters of a function or constructor as a docstring names them, without `self`."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    listed = inspect.signature(item).parameters.values()
    return [stars.get(p.kind, "") + p.name for p in listed if p.name not in ("self", "cls")]


def returns(function: Callable[..., Any]) -> bool:
    """Whether a function's annotation promises anything but None."""
    return inspect.signature(function).return_annotation not in (None, "None", inspect.Signature.empty)


SURFACE = [found for module in MODULES for found in public(module)]


@pytest.mark.parametrize("found", SURFACE, ids=lambda found: found.place)
def test_every_public_name_is_documented(found: Documented) -> None:
    wrong = problems(found)
    assert not wrong, "\n".join(f"{found.place} {problem}" for problem in wrong)


@pytest.mark.parametrize("module", MODULES)
def test_the_surface_holds_every_public_name(module: str) -> None:
    places = {found.place for found in SURFACE}
    assert {
        f"{module}.{name}" for name in importlib.import_module(module).__all__ if not name.startswith("_")
    } <= places


@dataclass
class Sample:
    """Hold two numbers.

    Args:
        one: the first: "a colon: inside".
        two: the second,
            on two lines.
    """

    one: int
    two: int = 0

    def total(self, scale: float) -> float:
        """add them up"""
        return scale * (self.one + self.two)


class Settings(BaseModel, use_attribute_docstrings=True):
    """Two settings."""

    size: int
    """Pixels."""
    depth: int


def listed(first: int, *rest: int, **options: int) -> int:
    """List numbers.

    Args:
        first: a number.
        *rest: more.
        **options: by name.

    Returns:
        Their number.
    """
    return first


def test_what_is_missing_is_found_and_named() -> None:
    (total,) = methods("here.Sample", Sample)
    assert problems(total) == [
        "begins with 'add them up', which is not a sentence on one line",
        "has Args [], the signature ['scale']",
        "returns a value and has no Returns section",
    ]
    assert problems(Documented("here.Sample", Sample)) == []
    assert problems(Documented("here.listed", listed)) == []
    assert problems(Documented("here.Settings", Settings)) == ["has no docstring below its field depth"]
    assert problems(Documented("here.check", lambda: None)) == ["has no docstring"]
