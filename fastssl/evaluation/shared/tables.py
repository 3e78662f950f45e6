"""How tables of results and the lines around them are printed, in any width and any encoding.

Covers: tables with lines, without them, or row by row where the terminal is too narrow; headlines and notes. Does not
cover: what the cells hold (`report.py`), which rows and columns (each evaluation's own `report.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from fastssl.console import say, verbatim

NAME_WIDTH = len("random init")
"""Columns of text that a name may be folded to."""


@dataclass(frozen=True, kw_only=True)
class TableStyle:
    """How tables are drawn.

    Attributes:
        plain: lines of ASCII characters alone.
        narrow: no lines at all, and no more columns than needed.
        encoding: of the output.
    """

    plain: bool = False
    narrow: bool = False
    encoding: str = "utf-8"

    @classmethod
    def for_console(cls, console: Console, full_width: int) -> TableStyle:
        """Return the style for a console: plain where it is no terminal, narrow where it is too narrow for lines.

        Args:
            console: what the tables are printed on.
            full_width: columns of text that the widest table takes with its lines.
        """
        narrow = console.width < full_width
        return cls(plain=not console.is_terminal, narrow=narrow, encoding=console.encoding)


def new_table(style: TableStyle, title: str = "") -> Table:
    """Return an empty table.

    Args:
        style: how it is drawn.
        title: text above it, folded to the table's width; for long text in few columns use `print_headline`.
    """
    return Table(
        title=verbatim(title, style.encoding, "table.title") if title else None,
        title_justify="left",
        box=None if style.narrow else box.ASCII if style.plain else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if style.narrow else (0, 1),
    )


def add_name_column(table: Table, heading: str) -> None:
    """Add a column for names to a table: folded where they are long."""
    table.add_column(heading, overflow="fold")


def add_number_columns(table: Table, headings: Iterable[str]) -> None:
    """Add columns for numbers to a table: to the right, and never folded.

    Args:
        table: gets the columns.
        headings: one for each.
    """
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)


def add_row(table: Table, style: TableStyle, cells: Iterable[str], *, bold: bool = False) -> None:
    """Add a row to a table.

    Args:
        table: gets the row.
        style: how it is drawn.
        cells: one for each column, shown as they are.
        bold: whether the row stands out.
    """
    table.add_row(*(verbatim(cell, style.encoding) for cell in cells), style="bold" if bold else "")


def show_table(console: Console, make: Callable[[TableStyle], Table], full_width: int) -> None:
    """Print a table: with lines, without them where it is narrower than that, row by row where it still does not fit.

    Args:
        console: what it is printed on.
        make: returns the table in a style.
        full_width: columns of text that the widest table of its kind takes with its lines.
    """
    table = make(TableStyle.for_console(console, full_width))
    for column in table.columns:
        column.min_width = _least_column(column)
    around = table.padding[1] + table.padding[3] + (table.box is not None)
    if sum(_least_column(column) + around for column in table.columns) <= console.width:
        console.print(table)
    else:
        for line in _row_by_row(table):
            console.print(line, overflow="fold")


def print_headline(console: Console, text: str) -> None:
    """Print a line above a table; unlike a table's own title it is not folded to the table's width."""
    say(console, text, style="italic")


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what a reader should know of the results, a line for each note."""
    say(console, *(f"note: {note}" for note in notes), style="dim")


def _texts(column: Column) -> list[str]:
    """The heading of a column, and its cells."""
    return [text.plain if isinstance(text, Text) else str(text) for text in (column.header, *column.cells)]


def _least_column(column: Column) -> int:
    """The characters that a column needs, so that numbers are whole and names are not folded beyond reading."""
    width = max(map(cell_len, _texts(column)))
    return width if column.no_wrap else min(width, NAME_WIDTH)


def _row_by_row(table: Table) -> Iterator[Text]:
    """The table as lines: of each row the first cell, then every other cell that holds something, with its heading."""
    if table.title:
        yield table.title if isinstance(table.title, Text) else Text(table.title)
    first, *others = (_texts(column) for column in table.columns)
    width = max(cell_len(heading) for heading, *_ in others)
    for place, row in enumerate(table.rows, start=1):
        yield Text(first[place], style=row.style or "")
        for texts in others:
            if texts[place]:
                yield Text(f"  {texts[0]:<{width}}  {texts[place]}", style=row.style or "")
