"""Tables in text: cells between commas, semicolons, tabs or bars.

Covers: encodings, gzip, the sign between cells, quotes, comment lines, blank lines, rows of another length. Does not
cover: the names of columns (`header.py`), what they mean (`find_path.py`, `label_columns.py`).
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from fastssl.errors import DataError
from fastssl.text import printable, shortened

from .builder import TableBuilder
from .header import unique_names
from .table import Table

ROWS_AT_ONCE = 20_000
HEAD_LINES = 30
DELIMITERS = ",;\t|"
UTF_8 = "utf-8-sig"
FALLBACK = "latin-1"
_GZIP = b"\x1f\x8b"
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_HEAD_BYTES = 4096
_LONGEST_CELL = 1 << 24

Numbered = tuple[int, list[str]]
"""A row, and the number of its first line."""


def read_text(path: Path) -> Table:
    """Read a table in text.

    Args:
        path: of the file, gzipped or not.

    Returns:
        The table; a file that is not UTF-8 or UTF-16 is read as Latin-1, and a note says so.

    Raises:
        DataError: it is no text, is empty, a quote is not closed, or a row has another number of cells than the header.
        OSError: it cannot be read.
    """
    try:
        encoding = _encoding(path)
        try:
            return _read(path, encoding, ())
        except UnicodeDecodeError:
            if encoding != UTF_8:
                raise DataError(f"{path} begins like text in UTF-16 and is none; save it as UTF-8") from None
            note = f"{printable(path.name)} is not UTF-8 and read as Latin-1; save it as UTF-8 if names look wrong"
            return _read(path, FALLBACK, (note,))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}); copy it again") from error


def _encoding(path: Path) -> str:
    """By the first bytes; whatever is not marked is taken for UTF-8 at first."""
    with _opened(path) as file:
        head = file.read(_HEAD_BYTES)
    if not head.strip():
        raise DataError(f"{path} is empty; a table has a line of names and a row for each image")
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    if b"\0" not in head:
        return UTF_8
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if not any(head[first::2]):
            return encoding
    raise DataError(f"{path} is no table: it holds bytes that are no text; give a .csv, .tsv, .parquet or .xlsx file")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as plain:
        zipped = plain.read(2) == _GZIP
        plain.seek(0)
        if not zipped:
            yield plain
            return
        with gzip.GzipFile(fileobj=plain) as unzipped:
            yield cast(BinaryIO, unzipped)


def _read(path: Path, encoding: str, notes: Sequence[str]) -> Table:
    with _opened(path) as binary, io.TextIOWrapper(binary, encoding=encoding, newline="") as file:
        delimiter = _delimiter(file, path)
        rows = _rows(file, delimiter, path)
        header_line, header = next(rows, (0, [""]))
        names = unique_names(header, path)
        builder = TableBuilder(names)
        kept = (row for row in rows if any(row[1]))
        while piece := list(itertools.islice(kept, ROWS_AT_ONCE)):
            cells = [_fitted(row, len(names), header_line, path) for row in piece]
            builder.add(zip(*cells, strict=True), (line for line, _ in piece))
    columns, lines = builder.finish()
    return Table(path=path, columns=columns, lines=lines, notes=tuple(notes))


def _delimiter(file: TextIO, path: Path) -> str:
    """The sign that cuts the first lines into most cells, alike in as many lines as can be."""
    lines = [line for line in itertools.islice(file, HEAD_LINES) if line.strip() and not line.startswith("#")]
    file.seek(0)

    def alike(sign: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=sign, skipinitialspace=True)]
        return (widths.count(widths[0]) / len(widths), widths[0]) if widths and widths[0] > 1 else (0.0, 0)

    best = max(DELIMITERS, key=alike)
    if not alike(best)[1]:
        shown = shortened(printable(lines[0].strip()), 60) if lines else ""
        raise DataError(f"{path} has a single column ({shown}); put commas, semicolons or tabs between the columns")
    return best


def _rows(file: TextIO, delimiter: str, path: Path) -> Iterator[Numbered]:
    """All rows but comments at the beginning, with the numbers of their first lines."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
    line, begun = 1, False
    try:
        for row in reader:
            if begun or (row and not row[0].startswith("#")):
                begun = True
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        reason = "a quote is opened and never closed" if "end of data" in str(error) else str(error)
        raise DataError(f"{path}, line {line}: {reason}; mend that line") from error


def _fitted(row: Numbered, width: int, header_line: int, path: Path) -> list[str]:
    """The cells of a row, without empty ones behind the last column."""
    line, cells = row
    if len(cells) == width:
        return cells
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    raise DataError(
        f"{path}, line {line} has {len(cells)} cells and the header in line {header_line} has {width}; mend that line, "
        "or quote cells that hold the sign between cells"
    )
