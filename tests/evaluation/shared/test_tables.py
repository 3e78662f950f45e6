"""Tables and lines on terminals of any width and encoding: whole numbers, names as they are."""

from __future__ import annotations

import io
from functools import partial

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from fastssl.evaluation.shared.tables import (
    TableStyle,
    add_name_column,
    add_number_columns,
    add_row,
    new_table,
    print_headline,
    print_notes,
    show_table,
)


def console(width: int, *, terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


def printed(width: int, *, terminal: bool) -> str:
    shown = console(width, terminal=terminal)
    style = TableStyle.for_console(shown, full_width=40)
    table = new_table(style, "a [bold] title")
    add_name_column(table, "encoder")
    add_number_columns(table, ("test AUC", "gap"))
    add_row(table, style, ["random init", "0.930±0.012", "+0.100"])
    shown.print(table)
    return shown.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_narrow_console_gets_no_lines_and_every_number_whole(terminal: bool) -> None:
    text = printed(32, terminal=terminal)
    assert "0.930±0.012 +0.100" in text
    assert not set("+-|─━┃│") & set(text.replace("+0.100", ""))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 32


def test_lines_are_drawn_on_a_terminal_and_of_ascii_elsewhere() -> None:
    assert "─" in printed(80, terminal=True)
    piped = printed(80, terminal=False)
    assert "+---" in piped
    assert piped.replace("±", "").isascii()
    assert "a [bold] title" in piped


def test_headlines_and_notes_are_not_folded_nor_read_as_markup() -> None:
    shown = console(20, terminal=False)
    print_headline(shown, "[bold]: test accuracy in %, 10 seeds")
    print_notes(shown, ["mind [this], which is longer than a line", "and that"])
    assert shown.file.getvalue().splitlines() == [
        "[bold]: test accuracy in %, 10 seeds",
        "note: mind [this], which is longer than a line",
        "note: and that",
    ]


NAMES = (
    "random init",
    "[red]x[/]",
    "[/]",
    ":heart:",
    "a\x1b[31m\nb",
    "肺炎-Röntgen",
    "caf\udce9",
    "_x$y$^2",
    "n" * 90,
)


def table_of(style: TableStyle, columns: int = 4, title: str = "[/b] data, 28 px") -> Table:
    """A table of a name and numbers, with a number that says its column."""
    table = new_table(style, title)
    add_name_column(table, "encoder")
    add_number_columns(table, [f"score {place}" for place in range(columns)])
    for name in NAMES:
        add_row(table, style, [name, *(f"0.{place}30±0.012" for place in range(columns))])
    return table


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [20, 24, 40, 60, 80, 400])
@pytest.mark.parametrize("columns", [1, 4, 8])
def test_in_any_width_every_number_and_every_name_can_be_read(width: int, terminal: bool, columns: int) -> None:
    shown = console(width, terminal=terminal)
    show_table(shown, partial(table_of, columns=columns), 76)
    text = shown.file.getvalue()
    assert max(map(cell_len, text.splitlines())) <= width
    for place in range(columns):
        assert text.count(f"0.{place}30±0.012") == len(NAMES)
    together = "".join(text.split())
    for name in ("[red]x[/]", "[/]", ":heart:"):
        assert name in text
    if width == 400:
        assert r"a\x1b[31m\nb" in text
        assert "n" * 90 in text
    assert "[/b]data,28px" in together
    assert "\x1b" not in text
    assert "…" not in text


def test_a_table_that_does_not_fit_is_shown_row_by_row_with_what_it_has() -> None:
    shown = console(20, terminal=False)

    def make(style: TableStyle) -> Table:
        table = new_table(style, "chest, 28 px")
        add_name_column(table, "features")
        add_name_column(table, "classifier")
        add_number_columns(table, ("test AUC", "n"))
        add_row(table, style, ["trained", "linear", "0.931", "12"], bold=True)
        add_row(table, style, ["raw pixels", "kNN", "n/a", ""])
        return table

    show_table(shown, make, 76)
    assert shown.file.getvalue().splitlines() == [
        "chest, 28 px",
        "trained",
        "  classifier  linear",
        "  test AUC    0.931",
        "  n           12",
        "raw pixels",
        "  classifier  kNN",
        "  test AUC    n/a",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "shift_jis"])
@pytest.mark.parametrize("width", [30, 200])
def test_letters_that_the_output_cannot_show_are_escapes(encoding: str, width: int) -> None:
    raw = io.BytesIO()
    shown = Console(file=io.TextIOWrapper(raw, encoding), width=width)  # which fails on what it cannot encode
    show_table(shown, table_of, 76)
    print_headline(shown, "肺炎: mean ± std")
    print_notes(shown, ["肺炎"])
    shown.file.flush()
    text = raw.getvalue().decode(encoding)
    assert max(map(cell_len, text.replace("肺炎: mean ± std", "").splitlines())) <= max(width, 40)
    if encoding == "ascii":
        assert "0.030+-0.012" in text
        assert r"note: \u80ba\u708e" in text
        assert r"\u80ba\u708e: mean +- std" in text
        assert r"\u80ba\u708e-R\xf6ntgen" in text or width == 30
    if encoding == "latin-1":
        assert "0.030±0.012" in text
    if encoding == "utf-8":
        assert "肺炎-Röntgen" in text
