"""How an evaluation's results are shown and written: the frame that all of them share.

Covers: tables with or without lines, cells of numbers, headlines and notes, rows for CSV files, a report's files. Does
not cover: which rows and columns (each evaluation's own `report.py`), differences (`differences.py`), the plots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import isnan
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastssl.files import write_atomically, write_csv, write_json

from .statistics import MeanInterval, PairedTest

NOT_AVAILABLE = "n/a"
"""In the place of a number that does not exist."""


@dataclass(frozen=True, kw_only=True)
class TableStyle:
    """How tables are drawn.

    Attributes:
        plain: lines of ASCII characters alone.
        narrow: no lines at all, and no more columns than needed.
    """

    plain: bool = False
    narrow: bool = False

    @classmethod
    def for_console(cls, console: Console, full_width: int) -> TableStyle:
        """Return the style for a console: plain where it is no terminal, narrow where it is too narrow for lines.

        Args:
            console: what the tables are printed on.
            full_width: columns of text that the widest table takes with its lines.
        """
        return cls(plain=not console.is_terminal, narrow=console.width < full_width)


def new_table(style: TableStyle, title: str = "") -> Table:
    """Return an empty table.

    Args:
        style: how it is drawn.
        title: text above it, folded to the table's width; for long text in few columns use `print_headline`.
    """
    return Table(
        title=escape(title) if title else None,
        title_justify="left",
        box=None if style.narrow else box.ASCII if style.plain else box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if style.narrow else (0, 1),
    )


def add_number_columns(table: Table, headings: Iterable[str]) -> None:
    """Add columns for numbers to a table: to the right, and never folded.

    Args:
        table: gets the columns.
        headings: one for each.
    """
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)


def number_cell(value: float, *, digits: int = 3, scale: float = 1.0, sign: str = "") -> str:
    """Return a number as text, or n/a for nan.

    Args:
        value: the number.
        digits: after the decimal point.
        scale: what `value` is multiplied by; 100 for percent.
        sign: "+" to show the sign of positive numbers too.
    """
    return NOT_AVAILABLE if isnan(value) else f"{scale * value:{sign}.{digits}f}"


def mean_cell(mean: float, deviation: float, *, digits: int = 3, scale: float = 1.0) -> str:
    """Return a mean and its standard deviation as text; the mean alone where `deviation` is nan, n/a where both are.

    Args:
        mean: the mean.
        deviation: the standard deviation; give nan where it says nothing.
        digits: after the decimal points.
        scale: what both are multiplied by; 100 for percent.
    """
    cell = number_cell(mean, digits=digits, scale=scale)
    return cell if isnan(mean) or isnan(deviation) else f"{cell}±{scale * deviation:.{digits}f}"


def print_headline(console: Console, text: str) -> None:
    """Print a line above a table; unlike a table's own title it is not folded to the table's width."""
    console.print(text, style="italic", highlight=False, markup=False, soft_wrap=True)


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what a reader should know of the results, a line for each note."""
    for note in notes:
        console.print(f"note: {note}", style="dim", highlight=False, markup=False, soft_wrap=True)


def flat_row(entry: Any, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row of results as the cells of a CSV file, by column name.

    Args:
        entry: a dataclass. A field NAME that is a `MeanInterval` becomes NAME, NAME_std, NAME_low, ...; one that is a
            `PairedTest` becomes that test's own fields.
        left_out: fields that become no cells.
    """
    row: dict[str, Any] = {}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, MeanInterval):
            row |= {field.name if name == "mean" else f"{field.name}_{name}": x for name, x in asdict(value).items()}
        elif isinstance(value, PairedTest):
            row |= asdict(value)
        elif field.name not in left_out:
            row[field.name] = value
    return row


def write_report(
    folder: Path,
    name: str,
    content: Mapping[str, Any],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    plot: bytes | None = None,
) -> None:
    """Write the files of a report, each whole or not at all.

    Args:
        folder: made if it is not there.
        name: of the evaluation; its files are called `<name>.json`, `<name><suffix>.csv` and `<name>.png`.
        content: all of the results, for the JSON file, with null for nan.
        tables: suffix ("" or such as "-pairs") -> rows with the same keys, for a CSV file each, empty cells for nan.
        plot: a PNG file's content; None for none.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{name}.json", content)
    for suffix, rows in tables.items():
        write_csv(folder / f"{name}{suffix}.csv", rows)
    if plot is not None:
        write_atomically(folder / f"{name}.png", plot)
