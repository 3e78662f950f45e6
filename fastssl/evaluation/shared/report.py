"""How an evaluation's results are written, and what their tables hold: the frame that all of them share.

Covers: cells of numbers, rows for CSV files, a report's files. Does not cover: drawing tables and lines (`tables.py`),
which rows and columns (each evaluation's own `report.py`), differences (`differences.py`), the plots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from math import isnan
from pathlib import Path
from typing import Any

from fastssl.files import write_atomically, write_csv, write_json
from fastssl.text import printable

from .statistics import MeanInterval, PairedTest

NOT_AVAILABLE = "n/a"
"""In the place of a number that does not exist."""
_FORMULA = ("=", "+", "-", "@", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 (which spreadsheets of East Asia take so)
"""Beginnings of what spreadsheets compute instead of showing it."""


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
            Text that a spreadsheet would compute has an apostrophe in front.
        plot: a PNG file's content; None for none.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{name}.json", content)
    for suffix, rows in tables.items():
        write_csv(folder / f"{name}{suffix}.csv", [_as_cells(row) for row in rows])
    if plot is not None:
        write_atomically(folder / f"{name}.png", plot)


def _as_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _as_cell(value) if isinstance(value, str) else value for name, value in row.items()}


def _as_cell(text: str) -> str:
    """Text as a spreadsheet shows it: with an apostrophe in front, where it would be taken for a formula."""
    shown = "\n".join(map(printable, text.split("\n")))
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
