"""Tables in Parquet.

Covers: columns of text, numbers, booleans and dates, a part at a time, through pyarrow. Does not cover: columns of
lists and records, which are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastssl.errors import DataError
from fastssl.text import printable

from .builder import TableBuilder
from .header import unique_names
from .table import Table, quoted

ROWS_AT_ONCE = 20_000


def read_parquet(path: Path) -> Table:
    """Read a Parquet file.

    Args:
        path: of the file.

    Returns:
        The table; its lines are the numbers of rows from 1.

    Raises:
        DataError: pyarrow is not installed, or the file is damaged.
        OSError: it cannot be read.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{path} is Parquet, which needs pyarrow: pip install pyarrow; or save it as .csv") from None

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            flat = [field.name for field in schema if not pyarrow.types.is_nested(field.type)]
            left_out = [field.name for field in schema if pyarrow.types.is_nested(field.type)]
            builder = TableBuilder(unique_names(flat, path))
            done = 0
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=flat):
                cells = [_as_text(column) for column in batch.columns]
                builder.add(cells, range(done + 1, done + len(batch) + 1))
                done += len(batch)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); save it again") from error
    columns, lines = builder.finish()
    notes = (f"{printable(path.name)}: columns {quoted(left_out)} hold lists or records and are left out",)
    return Table(path=path, columns=columns, lines=lines, notes=notes if left_out else ())


def _as_text(column: Any) -> list[str]:
    """A batch's column as text, "" for null."""
    import pyarrow
    from pyarrow import compute

    values = column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column
    if pyarrow.types.is_binary(values.type) or pyarrow.types.is_large_binary(values.type):
        return ["" for _ in range(len(values))]
    text = compute.cast(values, pyarrow.string())
    return ["" if value is None else value for value in text.to_pylist()]
