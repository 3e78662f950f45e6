"""Tables in Excel files.

Covers: the first sheet of an .xlsx file, through openpyxl. Does not cover: formulas that were never computed, whose
cells are empty; old files (.xls).
"""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path
from typing import Any

from fastssl.errors import DataError
from fastssl.text import printable

from .builder import TableBuilder
from .header import unique_names
from .table import Table, quoted

ROWS_AT_ONCE = 20_000


def read_sheet(path: Path) -> Table:
    """Read the first sheet of an Excel file.

    Args:
        path: of the file.

    Returns:
        The table; its lines are the numbers of rows in the sheet.

    Raises:
        DataError: openpyxl is not installed, the file is no Excel file or damaged, or the sheet is empty.
        OSError: it cannot be read.
    """
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{path} is an Excel file, which needs openpyxl: pip install openpyxl; or save it as .csv"
        ) from None

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (zipfile.BadZipFile, KeyError, ValueError, openpyxl.utils.exceptions.InvalidFileException):
        raise DataError(f"{path} is a zip archive and no Excel file; unpack it, or save the table as .csv") from None
    try:
        sheet = book.worksheets[0]
        rows = enumerate(sheet.iter_rows(values_only=True), start=1)
        filled = ((line, [_as_text(cell) for cell in row]) for line, row in rows)
        kept = ((line, row) for line, row in filled if any(row))
        _, header = next(kept, (0, []))
        if not header:
            raise DataError(f"{path}: the first sheet ({sheet.title}) is empty; move the table to it")
        while len(header) > 1 and not header[-1]:
            header.pop()
        builder = TableBuilder(unique_names(header, path))
        while piece := list(itertools.islice(kept, ROWS_AT_ONCE)):
            cells = [_fitted(row, len(header), line, path) for line, row in piece]
            builder.add(zip(*cells, strict=True), (line for line, _ in piece))
        others = book.sheetnames[1:]
    finally:
        book.close()
    columns, lines = builder.finish()
    notes = (f"{printable(path.name)}: sheet {sheet.title} is read, not {quoted(others)}",) if others else ()
    return Table(path=path, columns=columns, lines=lines, notes=notes)


def _as_text(cell: Any) -> str:
    """A cell as text, whole numbers without a point."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _fitted(row: list[str], width: int, line: int, path: Path) -> list[str]:
    """The cells of the columns that have names."""
    if any(row[width:]):
        raise DataError(f"{path}, row {line} has cells right of the last column that has a name; name it or empty them")
    return row[:width] + [""] * (width - len(row))
