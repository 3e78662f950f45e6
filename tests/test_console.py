"""Tests of printing: names are never markup, nothing but this module gives strings to a console."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.console import Console

from fastssl.console import new_console, say

PACKAGE = Path(__file__).parents[1] / "fastssl"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PRINTING = {"console.py", "evaluation/shared/tables.py", "cli/help_pages.py"}
"""Files that give something to `Console.print`: parts of text that say how they are shown."""


def printed(line: str, console: Console | None = None) -> str:
    console = console or Console(file=io.StringIO(), width=40, force_terminal=False)
    say(console, line)
    return console.file.getvalue()


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", "[", "]", "\\[", "[bold", "a\\", ":heart:", "[@x]y[/]"])
def test_a_name_is_no_markup_on_any_console(name: str) -> None:
    assert printed(f"{name} 1") == f"{name} 1\n"
    own = new_console(file=io.StringIO())
    own.print(name)
    assert own.file.getvalue() == f"{name}\n"


def test_a_name_gives_no_commands_to_the_terminal_and_breaks_no_line() -> None:
    assert printed("a\x1b[2J\x9b\nb\r\udcff\u202e") == r"a\x1b[2J\x9b\nb\r\udcff\u202e" + "\n"
    assert printed("x" * 100) == "x" * 100 + "\n"


@pytest.mark.parametrize(("columns", "width"), [("0", 80), ("7", 80), ("40", 40), ("x", 80), ("-3", 80), ("", 80)])
def test_a_width_of_nothing_is_an_unknown_one(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert new_console(file=io.StringIO()).width == width


def calls(path: Path, name: str) -> list[ast.Call]:
    """The calls of a function or method of this name in a file."""
    found = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [call for call in found if getattr(call.func, "attr", getattr(call.func, "id", "")) == name]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_names_are_printed_by_one_function(path: Path) -> None:
    text, name = path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix()
    assert "rich.markup" not in text
    if name not in PRINTING:
        assert not calls(path, "Console")
        owners = [ast.unparse(call.func.value) for call in calls(path, "print") if isinstance(call.func, ast.Attribute)]
        assert not [owner for owner in owners if "console" in owner.lower()]
    for call in calls(path, "TextColumn"):
        assert any(keyword.arg == "markup" for keyword in call.keywords) or isinstance(call.args[0], ast.Constant)
        fields = ast.unparse(call.args[0])
        assert "{" not in fields or any(keyword.arg == "markup" for keyword in call.keywords)
