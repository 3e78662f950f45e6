"""Reading a table of images.

Covers: finding what kind of file it is by its first bytes, columns without a name. Does not cover: each kind
(`text_file.py`, `parquet.py`, `sheet.py`), what columns mean (`find_path.py`, `label_columns.py`).
"""

from __future__ import annotations

import numpy as np

from fastssl.data.paths import kind_of
from fastssl.errors import DataError

from .header import NAMELESS
from .options import TableOptions
from .parquet import read_parquet
from .sheet import read_sheet
from .table import Column, Table
from .text_file import read_text

_PARQUET, _ZIP, _OLD_EXCEL = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
KINDS = ".csv, .tsv, .parquet or .xlsx"


def read_table(options: TableOptions) -> Table:
    """Read a table: CSV, TSV and the like (also gzipped), Parquet, or the first sheet of an Excel file.

    Args:
        options: which file.

    Returns:
        All its columns as text.

    Raises:
        DataError: it is not there, no table, has no header, no row, or a row of another length; or a package that reads
            it is not installed.
    """
    path = options.path
    kind = kind_of(path)
    if kind != "file":
        found = f"is a {kind}" if kind else "does not exist"
        raise DataError(f"the table {path} {found}; give --labels a {KINDS} file")
    try:
        with path.open("rb") as file:
            start = file.read(4)
        reader = {_PARQUET: read_parquet, _ZIP: read_sheet}.get(start, read_text)
        if start == _OLD_EXCEL:
            raise DataError(f"{path} is an Excel file of the old kind (.xls); save it as .xlsx or .csv")
        table = reader(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    return _without_nameless(table)


def _without_nameless(table: Table) -> Table:
    """Leave out columns without a name, as the index that pandas writes."""
    if not len(table):
        raise DataError(f"{table.path} has a header and no row below it")
    kept: dict[str, Column] = {}
    nameless = []
    for place, (name, column) in enumerate(table.columns.items(), start=1):
        if name.startswith(NAMELESS):
            nameless += [place] if not np.all(column.blank) else []
        else:
            kept[name] = column
    notes = [f"{table.name}: column {place} has no name and is left out" for place in nameless]
    return Table(path=table.path, columns=kept, lines=table.lines, notes=(*table.notes, *notes))
